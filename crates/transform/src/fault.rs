//! Keeps faults of the program, such as a panic on an unusual model, from ending the whole process.

use std::cell::{Cell, RefCell};
use std::panic::{self, AssertUnwindSafe};
use std::sync::Once;
use std::thread;

use dataset::Model;
use dataset::failure::Kind;

/// How many bytes of stack the parser and the resolver get, for deeply nested SQL.
const STACK_BYTES: usize = 256 << 20;

thread_local! {
    static IS_CAUGHT: Cell<bool> = const { Cell::new(false) };
    static MESSAGE: RefCell<Option<String>> = const { RefCell::new(None) };
}

/// Runs the work for a model. A panic becomes an error of [`Kind::Internal`] and prints nothing.
pub(crate) fn caught<T>(
    model: &Model,
    run: impl FnOnce() -> anyhow::Result<T>,
) -> anyhow::Result<T> {
    static HOOK: Once = Once::new();
    HOOK.call_once(|| {
        let before = panic::take_hook();
        panic::set_hook(Box::new(move |info| match IS_CAUGHT.get() {
            true => {
                let line = info
                    .to_string()
                    .split_whitespace()
                    .collect::<Vec<_>>()
                    .join(" ");
                MESSAGE.set(Some(line));
            }
            false => before(info),
        }));
    });
    let was_caught = IS_CAUGHT.replace(true);
    let result = panic::catch_unwind(AssertUnwindSafe(run));
    IS_CAUGHT.set(was_caught);
    result.unwrap_or_else(|_| {
        let message = MESSAGE.take().unwrap_or_default();
        Err(Kind::Internal.error(format!(
            "{}: {} met a fault of the program; please report it with the SELECT: {message}",
            model.file,
            model.it()
        )))
    })
}

/// Runs the work for a model on a stack that is large enough for deeply nested SQL. A panic becomes an error of [`Kind::Internal`]
/// and prints nothing.
pub(crate) fn caught_deep<T: Send>(
    model: &Model,
    run: impl FnOnce() -> anyhow::Result<T> + Send,
) -> anyhow::Result<T> {
    thread::scope(|scope| {
        let thread = thread::Builder::new().stack_size(STACK_BYTES);
        let started = thread.spawn_scoped(scope, || caught(model, run))?;
        started
            .join()
            .unwrap_or_else(|panic| panic::resume_unwind(panic))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use dataset::failure::Failure;

    #[test]
    fn a_panic_is_an_error_that_names_the_model() {
        let model = testkit::model("m", "SELECT 1");
        let error = caught_deep(&model, || -> anyhow::Result<()> { panic!("a\nfault") });
        let error = error.expect_err("it panics");
        assert_eq!(Failure::kind_of(&error), Some(Kind::Internal));
        let message = error.to_string();
        assert!(
            message.contains("model `m`") && message.ends_with("a fault"),
            "{message}"
        );
    }
}
