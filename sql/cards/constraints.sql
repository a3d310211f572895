ALTER TABLE associado ADD PRIMARY KEY (id);

ALTER TABLE conta ADD PRIMARY KEY (id);
CREATE INDEX ON conta (id_associado);
ALTER TABLE conta ADD FOREIGN KEY (id_associado) REFERENCES associado;

ALTER TABLE cartao ADD PRIMARY KEY (id);
ALTER TABLE cartao ADD UNIQUE (num_cartao);
CREATE INDEX ON cartao (id_conta);
CREATE INDEX ON cartao (id_associado);
ALTER TABLE cartao ADD FOREIGN KEY (id_conta) REFERENCES conta;
ALTER TABLE cartao ADD FOREIGN KEY (id_associado) REFERENCES associado;

ALTER TABLE movimento ADD PRIMARY KEY (id);
CREATE INDEX ON movimento (id_cartao);
ALTER TABLE movimento ADD FOREIGN KEY (id_cartao) REFERENCES cartao;
