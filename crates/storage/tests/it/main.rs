//! Tests of the public interface, against a real S3 server.

#[cfg(feature = "bucket")]
mod bucket;
