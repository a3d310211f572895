//! Tests of the helpers that other tests depend on.

mod bucket;
