//! The processor time of a server, all its processes together, from /proc.

use std::fs;

use anyhow::Context;

/// The ticks of a second in /proc, whatever the kernel's own are: `USER_HZ`, see proc_pid_stat(5) and time(7).
const TICKS_PER_SECOND: f64 = 100.0;

/// A process: what is used here of its line in /proc.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Process {
    parent: u32,
    /// Processor time of user and system.
    own_ticks: u64,
    /// That of the children that have ended.
    ended_ticks: u64,
}

/// The parent of a process.
///
/// # Errors
/// There is no such process, or no /proc.
pub(crate) fn parent(id: u32) -> anyhow::Result<u32> {
    Ok(read(id)
        .with_context(|| format!("/proc has no process {id}"))?
        .parent)
}

/// The processor time so far of a process, of its children, and of those children of it that have ended, in seconds.
///
/// # Errors
/// There is no such process, or no /proc.
pub(crate) fn seconds_of_family(id: u32) -> anyhow::Result<f64> {
    let head = read(id).with_context(|| format!("/proc has no process {id}"))?;
    let mut ticks = head.own_ticks + head.ended_ticks;
    for entry in fs::read_dir("/proc").context("/proc")?.flatten() {
        let name = entry.file_name();
        let other = name.to_str().and_then(|name| name.parse().ok());
        // Who has ended since is one of those that have ended, at the next look.
        if let Some(process) = other.and_then(read).filter(|of| of.parent == id) {
            ticks += process.own_ticks + process.ended_ticks;
        }
    }
    Ok(ticks as f64 / TICKS_PER_SECOND)
}

fn read(id: u32) -> Option<Process> {
    parse(&fs::read_to_string(format!("/proc/{id}/stat")).ok()?)
}

/// Reads what /proc says of a process. Its name, in parentheses, may hold blanks and parentheses itself.
fn parse(stat: &str) -> Option<Process> {
    let (_, fields) = stat.rsplit_once(')')?;
    // The state, which is the third field, is the first of these.
    let field = |number: usize| fields.split_whitespace().nth(number - 3);
    let ticks = |number: usize| field(number)?.parse::<u64>().ok();
    Some(Process {
        parent: field(4)?.parse().ok()?,
        own_ticks: ticks(14)? + ticks(15)?,
        ended_ticks: ticks(16)? + ticks(17)?,
    })
}

#[cfg(test)]
mod tests {
    use std::process::Command;

    use super::*;

    #[test]
    fn the_fields_are_those_behind_the_name() {
        let stat = "7 (a) S (b) R 3 7 7 0 -1 4194560 9 8 7 6 100 20 3000 400 20 0 1 0 55 1 2\n";
        let expected = Process {
            parent: 3,
            own_ticks: 120,
            ended_ticks: 3400,
        };
        assert_eq!(parse(stat), Some(expected));
        assert_eq!(parse("7 (a) R 3"), None);
    }

    #[test]
    fn what_ended_children_took_counts_and_so_do_living_ones() {
        let own = std::process::id();
        assert!(parent(own).is_ok());
        let before = seconds_of_family(own).expect("this process");
        let work = "i=0; while [ $i -lt 200000 ]; do i=$((i+1)); done";
        let mut living = Command::new("sh")
            .args(["-c", &format!("{work}; echo; exec sleep 60")])
            .stdout(std::process::Stdio::piped())
            .spawn()
            .expect("a shell");
        let mut line = [0];
        let printed = living.stdout.as_mut().expect("a pipe");
        std::io::Read::read_exact(printed, &mut line).expect("it has done its work");
        let with_living = seconds_of_family(own).expect("this process");
        living.kill().expect("it sleeps");
        living.wait().expect("it ends");
        let with_ended = seconds_of_family(own).expect("this process");
        assert!(with_living >= before + 0.02, "{before} {with_living}");
        assert!(with_ended >= with_living, "{with_living} {with_ended}");
    }
}
