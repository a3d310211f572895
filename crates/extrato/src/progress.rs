//! Shows the progress of long work.
//!
//! The libraries open a span with the fields `rows_total` (an estimate, or empty) and `rows`, and record `rows` as they go; or the
//! same with `bytes` or `tasks`. Such a span becomes a bar on a terminal, and elsewhere a log line every few seconds. A span with
//! the field `waits` counts nothing: on a terminal it becomes a moving line with the elapsed time.

use std::borrow::Cow;
use std::fmt;
use std::io::{self, Write};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use indicatif::{
    HumanBytes, HumanCount, HumanDuration, MultiProgress, ProgressBar, ProgressState, ProgressStyle,
};
use tracing::Subscriber;
use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id, Record};
use tracing_subscriber::Layer;
use tracing_subscriber::fmt::MakeWriter;
use tracing_subscriber::layer::Context;
use tracing_subscriber::registry::LookupSpan;

/// How often the same work is logged if there is no terminal.
const LINE_EVERY: Duration = Duration::from_secs(5);

/// How often a moving line takes a step.
const MOVE_EVERY: Duration = Duration::from_millis(120);

/// The layer that shows progress.
pub(crate) struct Progress {
    waited: Waited,
    bars: Option<MultiProgress>,
}

/// The name of the spans that wait for locks.
const LOCKS: &str = "waiting for locks";

/// The time that a run has waited for other sessions' locks.
#[derive(Debug, Clone, Default)]
pub(crate) struct Waited(Arc<Mutex<Duration>>);

impl Waited {
    /// How long locks were waited for, in seconds.
    pub(crate) fn lock_seconds(&self) -> f64 {
        let waited = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        waited.as_secs_f64()
    }

    fn add(&self, more: Duration) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) += more;
    }
}

impl Progress {
    /// Shows bars if `on_terminal`, else log lines. Time spent waiting for locks is added to `waited`.
    pub(crate) fn new(waited: Waited, on_terminal: bool) -> Self {
        Self {
            waited,
            bars: on_terminal.then(MultiProgress::new),
        }
    }

    /// The writer for log lines, which doesn't tear the bars.
    pub(crate) fn writer(&self) -> StderrAboveBars {
        StderrAboveBars {
            bars: self.bars.clone(),
        }
    }
}

/// A piece of work and how far it has come.
struct Task {
    name: String,
    counts: Counts,
    total: Option<u64>,
    began: Instant,
    shown: Shown,
}

/// The unit that a task counts.
#[derive(Clone, Copy)]
enum Counts {
    Rows,
    Bytes,
    Tasks,
}

impl Counts {
    /// The count as text for people.
    fn shown(self, count: u64) -> String {
        match self {
            Self::Rows | Self::Tasks => HumanCount(count).to_string(),
            Self::Bytes => HumanBytes(count).to_string(),
        }
    }

    /// The word after a count.
    fn unit(self) -> &'static str {
        match self {
            Self::Rows => " rows",
            Self::Bytes => "",
            Self::Tasks => " tasks",
        }
    }
}

enum Shown {
    Bar(ProgressBar),
    Lines { last: Mutex<Instant> },
}

impl Task {
    fn set_total(&mut self, total: u64) {
        self.total = Some(total);
        if let Shown::Bar(bar) = &self.shown {
            bar.set_length(total);
        }
    }

    fn advance(&self, count: u64) {
        match &self.shown {
            Shown::Bar(bar) => {
                // The total may have been an estimate.
                if bar.length().is_some_and(|length| count > length) {
                    bar.set_length(count);
                }
                bar.set_position(count);
            }
            Shown::Lines { last } => {
                let Ok(mut last) = last.try_lock() else {
                    return;
                };
                if last.elapsed() >= LINE_EVERY {
                    *last = Instant::now();
                    let line = self.line(count);
                    let _ = writeln!(io::stderr(), "{line}");
                }
            }
        }
    }

    fn line(&self, count: u64) -> String {
        let (counts, unit) = (self.counts, self.counts.unit());
        let elapsed = self.began.elapsed().as_secs_f64();
        let rate = count as f64 / elapsed.max(f64::MIN_POSITIVE);
        let mut line = format!("{}: {}{unit}", self.name, counts.shown(count));
        if let Some(total) = self.total.filter(|total| *total > count) {
            let left = Duration::from_secs_f64((total - count) as f64 / rate.max(1.0));
            line += &format!(" of {}, {} left", counts.shown(total), HumanDuration(left));
        }
        line + &format!(", {}{unit}/s", counts.shown(rate as u64))
    }
}

impl<S: Subscriber + for<'a> LookupSpan<'a>> Layer<S> for Progress {
    fn on_new_span(&self, attributes: &Attributes<'_>, id: &Id, context: Context<'_, S>) {
        let has = |name| attributes.metadata().fields().field(name).is_some();
        let Some(span) = context.span(id) else { return };
        if has("waits") {
            let name = attributes.metadata().name();
            span.extensions_mut().insert(Waiting {
                name,
                began: Instant::now(),
                bar: self.bars.as_ref().map(|bars| waiting(bars, name)),
            });
        }
        let counts = match (has("rows"), has("bytes"), has("tasks")) {
            (true, ..) => Counts::Rows,
            (_, true, _) => Counts::Bytes,
            (.., true) => Counts::Tasks,
            _ => return,
        };
        let mut fields = Fields::default();
        attributes.record(&mut fields);
        let name = format!("{} {}", attributes.metadata().name(), fields.subject);
        let name = name.trim_end().to_owned();
        let shown = match &self.bars {
            Some(bars) => Shown::Bar(bar(bars, name.clone(), counts, fields.total)),
            None => Shown::Lines {
                last: Mutex::new(Instant::now()),
            },
        };
        span.extensions_mut().insert(Task {
            name,
            counts,
            total: fields.total,
            began: Instant::now(),
            shown,
        });
    }

    fn on_record(&self, id: &Id, values: &Record<'_>, context: Context<'_, S>) {
        let mut fields = Fields::default();
        values.record(&mut fields);
        if let (Some(total), Some(span)) = (fields.total, context.span(id))
            && let Some(task) = span.extensions_mut().get_mut::<Task>()
        {
            task.set_total(total);
        }
        if let (Some(count), Some(span)) = (fields.count, context.span(id))
            && let Some(task) = span.extensions().get::<Task>()
        {
            task.advance(count);
        }
    }

    fn on_close(&self, id: Id, context: Context<'_, S>) {
        if let Some(span) = context.span(&id)
            && let Some(Task {
                shown: Shown::Bar(bar),
                ..
            }) = span.extensions().get::<Task>()
        {
            bar.finish_and_clear();
        }
        if let Some(span) = context.span(&id)
            && let Some(Waiting { name, began, bar }) = span.extensions().get::<Waiting>()
        {
            if *name == LOCKS {
                self.waited.add(began.elapsed());
            }
            if let Some(bar) = bar {
                bar.finish_and_clear();
            }
        }
    }
}

/// Work that counts nothing, with its line on the terminal.
struct Waiting {
    name: &'static str,
    began: Instant,
    bar: Option<ProgressBar>,
}

/// Adds a line that moves by itself until it is cleared.
fn waiting(bars: &MultiProgress, name: &'static str) -> ProgressBar {
    let style = ProgressStyle::with_template("{spinner} {msg} {elapsed}")
        .unwrap_or_else(|_| ProgressStyle::default_spinner());
    let bar = bars.add(ProgressBar::new_spinner().with_style(style));
    bar.set_message(name);
    bar.enable_steady_tick(MOVE_EVERY);
    bar
}

/// Adds a bar that fits into sixty columns. It is placed among the others before it is first drawn.
fn bar(bars: &MultiProgress, name: String, counts: Counts, total: Option<u64>) -> ProgressBar {
    let template = match total {
        Some(_) => "{msg:22!} {wide_bar} {count:>11} {rate:>13} {eta:>4}",
        None => "{msg:22!} {spinner} {count:>11} {rate:>13}",
    };
    let count = move |state: &ProgressState, out: &mut dyn fmt::Write| {
        let _ = write!(out, "{}", counts.shown(state.pos()));
    };
    let rate = move |state: &ProgressState, out: &mut dyn fmt::Write| {
        let _ = write!(out, "{}/s", counts.shown(state.per_sec() as u64));
    };
    let style = ProgressStyle::with_template(template)
        .unwrap_or_else(|_| ProgressStyle::default_bar())
        .with_key("count", count)
        .with_key("rate", rate);
    let bar = bars.add(
        ProgressBar::no_length()
            .with_style(style)
            .with_message(Cow::from(name)),
    );
    if let Some(total) = total {
        bar.set_length(total);
    }
    bar
}

/// The fields that a span of our libraries may have.
#[derive(Default)]
struct Fields {
    /// The value of `table` or `model`.
    subject: String,
    total: Option<u64>,
    count: Option<u64>,
}

impl Visit for Fields {
    fn record_u64(&mut self, field: &Field, value: u64) {
        match field.name() {
            "rows_total" | "bytes_total" | "tasks_total" => self.total = Some(value),
            "rows" | "bytes" | "tasks" => self.count = Some(value),
            _ => {}
        }
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        if matches!(field.name(), "table" | "model") {
            value.clone_into(&mut self.subject);
        }
    }

    fn record_debug(&mut self, _field: &Field, _value: &dyn fmt::Debug) {}
}

/// Writes to standard error; the bars are hidden while a line is written.
#[derive(Clone)]
pub(crate) struct StderrAboveBars {
    bars: Option<MultiProgress>,
}

impl Write for StderrAboveBars {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match &self.bars {
            Some(bars) => bars.suspend(|| io::stderr().write(bytes)),
            None => io::stderr().write(bytes),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        io::stderr().flush()
    }
}

impl MakeWriter<'_> for StderrAboveBars {
    type Writer = Self;

    fn make_writer(&self) -> Self {
        self.clone()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_tells_rows_or_bytes_and_how_much_is_left_where_that_is_known() {
        let line = |counts, total, count| {
            let task = Task {
                name: "load t".to_owned(),
                counts,
                total,
                began: Instant::now(),
                shown: Shown::Lines {
                    last: Mutex::new(Instant::now()),
                },
            };
            task.line(count)
        };
        let of_rows = line(Counts::Rows, Some(4_000), 1_000);
        assert!(
            of_rows.starts_with("load t: 1,000 rows of 4,000, "),
            "{of_rows}"
        );
        assert!(of_rows.ends_with(" rows/s"), "{of_rows}");
        let of_bytes = line(Counts::Bytes, Some(4 << 20), 3 << 19);
        assert!(
            of_bytes.starts_with("load t: 1.50 MiB of 4.00 MiB, "),
            "{of_bytes}"
        );
        assert!(
            of_bytes.contains(" left, ") && of_bytes.ends_with("B/s"),
            "{of_bytes}"
        );
        let unknown = line(Counts::Bytes, None, 512);
        assert!(unknown.starts_with("load t: 512 B, "), "{unknown}");
    }
}
