//! The processor time and memory of a server, added up over its processes, from /proc.

use std::fs;

use anyhow::Context;

use crate::machine;

/// How many ticks /proc has in a second, whatever the kernel's own are: `USER_HZ`, see proc_pid_stat(5) and time(7).
const TICKS_PER_SECOND: f64 = 100.0;

/// A process, with the part of its line in /proc that is used here.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Process {
    parent: u32,
    /// The process's own processor time, user and system.
    own_ticks: u64,
    /// The processor time of those of its children that have ended.
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

/// The processor time so far, in seconds, of a process and its children, including those that have ended.
///
/// # Errors
/// There is no such process, or no /proc.
pub(crate) fn seconds_of_family(id: u32) -> anyhow::Result<f64> {
    // A process that has ended meanwhile is counted by its parent at the next look.
    let processes = family(id)?.into_iter().filter_map(read);
    let ticks: u64 = processes.map(|of| of.own_ticks + of.ended_ticks).sum();
    Ok(ticks as f64 / TICKS_PER_SECOND)
}

/// Starts a new measurement of the most memory of a process and its children, from what they use now.
///
/// # Errors
/// There is no such process, or no /proc.
pub(crate) fn forget_peaks_of_family(id: u32) -> anyhow::Result<()> {
    family(id)?
        .into_iter()
        .for_each(machine::forget_peak_memory_of);
    Ok(())
}

/// The most memory, in bytes, that a process and each of its children have used since, added up. Shared memory counts once for
/// each process that shares it.
///
/// # Errors
/// There is no such process, or no /proc.
pub(crate) fn peak_bytes_of_family(id: u32) -> anyhow::Result<u64> {
    let processes = family(id)?.into_iter();
    Ok(processes.filter_map(machine::peak_memory_bytes_of).sum())
}

/// A process and its living children.
fn family(id: u32) -> anyhow::Result<Vec<u32>> {
    read(id).with_context(|| format!("/proc has no process {id}"))?;
    let mut processes = vec![id];
    for entry in fs::read_dir("/proc").context("/proc")?.flatten() {
        let name = entry.file_name();
        let other = name.to_str().and_then(|name| name.parse().ok());
        let is_child = |other: &u32| read(*other).is_some_and(|of| of.parent == id);
        processes.extend(other.filter(is_child));
    }
    Ok(processes)
}

fn read(id: u32) -> Option<Process> {
    parse(&fs::read_to_string(format!("/proc/{id}/stat")).ok()?)
}

/// Parses the line that /proc has about a process. The process's name, in parentheses, may itself contain blanks and parentheses.
fn parse(stat: &str) -> Option<Process> {
    let (_, fields) = stat.rsplit_once(')')?;
    // The first of these fields is the third of the line: the state.
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

    #[test]
    fn the_memory_of_a_family_is_that_of_each_of_its_living_processes() {
        let mut child = Command::new("sleep").arg("60").spawn().expect("it runs");
        let own = family(std::process::id()).expect("this process");
        let of_child = family(child.id()).expect("it lives");
        let peak = peak_bytes_of_family(child.id()).expect("it lives");
        child.kill().expect("it sleeps");
        child.wait().expect("it ends");
        assert!(own.contains(&std::process::id()) && own.contains(&of_child[0]));
        assert_eq!(of_child.len(), 1);
        assert!(peak > 0);
        assert!(family(of_child[0]).is_err());
    }
}
