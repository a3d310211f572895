-- Run after a load. A statement ends with a semicolon at the end of a line; those that follow each other and
-- create indexes run at the same time, so the longest come first.
CREATE INDEX ON movimento (id_cartao);
CREATE UNIQUE INDEX movimento_pkey ON movimento (id);
CREATE UNIQUE INDEX cartao_num_cartao_key ON cartao (num_cartao);
CREATE INDEX ON cartao (id_associado);
CREATE INDEX ON cartao (id_conta);
CREATE UNIQUE INDEX cartao_pkey ON cartao (id);
CREATE INDEX ON conta (id_associado);
CREATE UNIQUE INDEX conta_pkey ON conta (id);
CREATE UNIQUE INDEX associado_pkey ON associado (id);

ALTER TABLE associado ADD PRIMARY KEY USING INDEX associado_pkey;
ALTER TABLE conta ADD PRIMARY KEY USING INDEX conta_pkey;
ALTER TABLE cartao ADD PRIMARY KEY USING INDEX cartao_pkey;
ALTER TABLE cartao ADD UNIQUE USING INDEX cartao_num_cartao_key;
ALTER TABLE movimento ADD PRIMARY KEY USING INDEX movimento_pkey;

ALTER TABLE conta ADD FOREIGN KEY (id_associado) REFERENCES associado;
ALTER TABLE cartao ADD FOREIGN KEY (id_conta) REFERENCES conta;
ALTER TABLE cartao ADD FOREIGN KEY (id_associado) REFERENCES associado;
ALTER TABLE movimento ADD FOREIGN KEY (id_cartao) REFERENCES cartao;
