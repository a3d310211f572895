//! Tests of the program itself, started as Lambda starts it, with an API that behaves like Lambda's and with a real
//! Postgres.

mod airflow;
mod buckets;
mod documents;
mod http;
mod loads;
mod refusals;
mod secrets;
mod world;
