//! What a job needs around its work, and the time that this took: its server, and what others hold.

/// Which server a job has used.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Server {
    /// None, or one that is not ours.
    Given,
    /// The embedded one, and the seconds that starting it took if it did not run.
    Embedded(Option<f64>),
}

/// What took time around the work itself.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Around {
    pub(crate) server: Server,
    /// How long others' locks were waited for, which is a part of the work's own time.
    pub(crate) lock_seconds: f64,
}
