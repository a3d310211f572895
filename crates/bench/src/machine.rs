//! Describes the machine of the measurements, from /proc; facts that are not there are left out.

use std::fs;
use std::path::Path;
use std::process::Command;
use std::thread;

use crate::program;

/// The processor, cores, memory and kernel, and the file system of `folder`.
pub(crate) fn description(folder: &Path) -> String {
    let read = |path: &str| fs::read_to_string(path).unwrap_or_default();
    let cores = thread::available_parallelism().map_or(1, usize::from);
    let memory = field(&read("/proc/meminfo"), "MemTotal").and_then(|size| kibibytes(&size));
    let kernel = read("/proc/sys/kernel/osrelease");
    [
        field(&read("/proc/cpuinfo"), "model name"),
        Some(format!("{cores} cores")),
        memory.map(|bytes| format!("{:.1} GiB of memory", bytes as f64 / f64::from(1 << 30))),
        Some(kernel.trim())
            .filter(|release| !release.is_empty())
            .map(|release| format!("{} {release}", std::env::consts::OS)),
        file_system_of(folder).map(|kind| format!("data on {kind}")),
    ]
    .into_iter()
    .flatten()
    .collect::<Vec<_>>()
    .join(", ")
}

/// The type of the file system of `folder`.
pub(crate) fn file_system_of(folder: &Path) -> Option<String> {
    file_system(&fs::read_to_string("/proc/mounts").ok()?, folder)
}

/// The version of the program, with the commit if git knows it.
pub(crate) fn program_version() -> String {
    let version = env!("CARGO_PKG_VERSION");
    let mut git = Command::new("git");
    git.args(["-C", env!("CARGO_MANIFEST_DIR")])
        .args(["describe", "--always", "--dirty"]);
    match program::output(&mut git) {
        Ok(commit) => format!("{version} ({})", commit.trim()),
        Err(_) => version.to_owned(),
    }
}

/// Starts a new measurement of this process's peak memory, from what it uses now.
pub(crate) fn forget_peak_memory() {
    forget_peak_memory_of(std::process::id());
}

/// Starts a new measurement of a process's peak memory, from what it uses now.
pub(crate) fn forget_peak_memory_of(id: u32) {
    // Writing 5 resets the peak: proc(5), under clear_refs. If that fails, the peak is that of the whole run.
    let _ = fs::write(format!("/proc/{id}/clear_refs"), "5");
}

/// The most memory, in bytes, that this process has used since [`forget_peak_memory`].
pub(crate) fn peak_memory_bytes() -> Option<u64> {
    peak_memory_bytes_of(std::process::id())
}

/// The most memory, in bytes, that a process has used since [`forget_peak_memory_of`].
pub(crate) fn peak_memory_bytes_of(id: u32) -> Option<u64> {
    let status = fs::read_to_string(format!("/proc/{id}/status")).ok()?;
    kibibytes(&field(&status, "VmHWM")?)
}

/// The first value with this name in a file of lines `name: value`.
fn field(text: &str, name: &str) -> Option<String> {
    text.lines().find_map(|line| {
        let (found, value) = line.split_once(':')?;
        (found.trim() == name).then(|| value.trim().to_owned())
    })
}

fn kibibytes(size: &str) -> Option<u64> {
    let number: u64 = size.strip_suffix(" kB")?.trim().parse().ok()?;
    Some(number * 1024)
}

/// The type of the file system whose mount point is the longest one above `folder`.
fn file_system(mounts: &str, folder: &Path) -> Option<String> {
    mounts
        .lines()
        .filter_map(|line| {
            let mut words = line.split(' ').skip(1);
            Some((words.next()?, words.next()?))
        })
        .filter(|(point, _)| folder.starts_with(point))
        .max_by_key(|(point, _)| point.len())
        .map(|(_, kind)| kind.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_field_is_found_by_its_whole_name() {
        let text = "VmPeak:\t  10 kB\nVmHWM:\t    5124 kB\n";
        assert_eq!(field(text, "VmHWM").as_deref(), Some("5124 kB"));
        assert_eq!(field(text, "Vm"), None);
        assert_eq!(kibibytes("5124 kB"), Some(5124 * 1024));
        assert_eq!(kibibytes("5124"), None);
    }

    #[test]
    fn the_nearest_mount_point_tells_the_file_system() {
        let mounts = "/dev/a / ext4 rw 0 0\ntmp /tmp tmpfs rw 0 0\nb /tmp2 xfs rw 0 0\n";
        let of = |folder| file_system(mounts, Path::new(folder));
        assert_eq!(of("/tmp/x").as_deref(), Some("tmpfs"));
        assert_eq!(of("/tmp2").as_deref(), Some("xfs"));
        assert_eq!(of("/tmpx").as_deref(), Some("ext4"));
    }
}
