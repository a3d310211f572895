-- Run after a load. A statement ends with a semicolon at the end of a line; those that follow each other and
-- create indexes run at the same time, so the longest come first.
CREATE UNIQUE INDEX hired_employees_pkey ON hired_employees (id);
CREATE INDEX ON hired_employees (department_id);
CREATE INDEX ON hired_employees (job_id);
CREATE UNIQUE INDEX jobs_pkey ON jobs (id);
CREATE UNIQUE INDEX departments_pkey ON departments (id);

ALTER TABLE departments ADD PRIMARY KEY USING INDEX departments_pkey;
ALTER TABLE jobs ADD PRIMARY KEY USING INDEX jobs_pkey;
ALTER TABLE hired_employees ADD PRIMARY KEY USING INDEX hired_employees_pkey;

ALTER TABLE hired_employees ADD FOREIGN KEY (department_id) REFERENCES departments;
ALTER TABLE hired_employees ADD FOREIGN KEY (job_id) REFERENCES jobs;
