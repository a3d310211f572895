//! The program itself, started as Lambda starts it, by an API of the tests' own that speaks as Lambda's does, against a real
//! Postgres.

mod airflow;
mod buckets;
mod documents;
mod http;
mod loads;
mod refusals;
mod secrets;
mod world;
