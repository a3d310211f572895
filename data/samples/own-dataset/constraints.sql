-- Keys, run once the rows are in. Each statement ends with a semicolon at the end of a line.
ALTER TABLE book ADD PRIMARY KEY (isbn);
ALTER TABLE reader ADD PRIMARY KEY (id);
ALTER TABLE loan ADD PRIMARY KEY (id);

ALTER TABLE loan ADD FOREIGN KEY (isbn) REFERENCES book;
ALTER TABLE loan ADD FOREIGN KEY (reader_id) REFERENCES reader;
