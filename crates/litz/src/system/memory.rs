//! How much memory this process may still take: by the machine, its control groups and its address space.

use std::path::{Path, PathBuf};

use super::control_groups::{self, Version};
use crate::{Error, Result};

/// Memory that is left, and what limits it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Available {
    /// Bytes.
    pub bytes: u64,
    /// In words.
    pub limit: String,
}

/// The memory that loading takes.
pub(crate) struct Need {
    /// Bytes of weights in memory of their own.
    pub(crate) weights: usize,
    /// Bytes of working memory.
    pub(crate) scratch: usize,
    /// Bytes that stay in the files, which need no memory of their own.
    pub(crate) mapped: usize,
}

/// The lowest of all limits; `None` where the system says nothing.
pub fn available() -> Option<Available> {
    available_below(Path::new("/"))
}

/// Refuses what does not fit, with the numbers.
pub(crate) fn check(need: &Need, available: Option<&Available>) -> Result<()> {
    let Some(available) = available else { return Ok(()) };
    let whole = need.weights.saturating_add(need.scratch);
    if whole as u64 <= available.bytes {
        return Ok(());
    }
    let mapped = match need.mapped {
        0 => String::new(),
        bytes => format!(", besides {} that stay in the file", megabytes(bytes as u64)),
    };
    Err(Error::Memory(format!(
        "the model needs {} of memory of its own (weights {}, working memory {}){mapped}, but {} are left ({}); \
         close other programs, raise the limit, or choose a smaller file",
        megabytes(whole as u64),
        megabytes(need.weights as u64),
        megabytes(need.scratch as u64),
        megabytes(available.bytes),
        available.limit,
    )))
}

fn megabytes(bytes: u64) -> String {
    match bytes {
        0..10_000_000 => format!("{:.1} MB", bytes as f64 / 1e6),
        _ => format!("{} MB", bytes.div_ceil(1_000_000)),
    }
}

/// Reads `/proc` and `/sys` below `root`; what cannot be read does not limit.
fn available_below(root: &Path) -> Option<Available> {
    let found = [machine(root), tightest_group(root), address_space(root)];
    found.into_iter().flatten().min_by_key(|available| available.bytes)
}

fn read(root: &Path, path: &str) -> Option<String> {
    std::fs::read_to_string(root.join(path)).ok()
}

/// What the kernel estimates to be available without swapping.
fn machine(root: &Path) -> Option<Available> {
    let text = read(root, "proc/meminfo")?;
    let kilobytes = |name: &str| -> Option<u64> {
        text.lines().find_map(|line| line.strip_prefix(name))?.split_whitespace().next()?.parse().ok()
    };
    let total = megabytes(kilobytes("MemTotal:")?.saturating_mul(1024));
    let bytes = kilobytes("MemAvailable:")?.saturating_mul(1024);
    Some(Available { bytes, limit: format!("the machine has {total}") })
}

/// The control group that leaves least; the page cache that it can drop is not taken.
fn tightest_group(root: &Path) -> Option<Available> {
    let left = |(group, version): (PathBuf, Version)| match version {
        Version::One => left_v1(&group),
        Version::Two => left_v2(&group),
    };
    control_groups::of_this_process(root, "memory").into_iter().filter_map(left).min_by_key(|left| left.bytes)
}

fn left_v2(group: &Path) -> Option<Available> {
    left_of(group, ["memory.max", "memory.current"], ["active_file ", "inactive_file "])
}

fn left_v1(group: &Path) -> Option<Available> {
    let names = ["memory.limit_in_bytes", "memory.usage_in_bytes"];
    left_of(group, names, ["total_active_file ", "total_inactive_file "])
}

fn left_of(group: &Path, [limit, used]: [&str; 2], reclaimable: [&str; 2]) -> Option<Available> {
    let number = |name: &str| -> Option<u64> { read(group, name)?.trim().parse().ok() };
    let (limit, used) = (number(limit)?, number(used)?);
    let stat = read(group, "memory.stat").unwrap_or_default();
    let cache = reclaimable.iter().filter_map(|name| -> Option<u64> {
        stat.lines().find_map(|line| line.strip_prefix(name))?.trim().parse().ok()
    });
    let taken = used.saturating_sub(cache.sum());
    let text = format!("the control group's limit is {}", megabytes(limit));
    Some(Available { bytes: limit.saturating_sub(taken), limit: text })
}

/// `RLIMIT_AS` less what is mapped already.
fn address_space(root: &Path) -> Option<Available> {
    let limits = read(root, "proc/self/limits")?;
    let line = limits.lines().find_map(|line| line.strip_prefix("Max address space"))?;
    let limit: u64 = line.split_whitespace().next()?.parse().ok()?;
    let status = read(root, "proc/self/status")?;
    let mapped = status.lines().find_map(|line| line.strip_prefix("VmSize:"))?;
    let mapped = mapped.split_whitespace().next()?.parse::<u64>().ok()?.saturating_mul(1024);
    let text = format!("the address space is limited to {} (ulimit -v)", megabytes(limit));
    Some(Available { bytes: limit.saturating_sub(mapped), limit: text })
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Tree(PathBuf);

    impl Tree {
        fn new(name: &str, files: &[(&str, &str)]) -> Self {
            let root = std::env::temp_dir().join(format!("litz-memory-{name}-{}", std::process::id()));
            for (path, text) in files {
                let path = root.join(path);
                std::fs::create_dir_all(path.parent().unwrap()).unwrap();
                std::fs::write(path, text).unwrap();
            }
            Self(root)
        }
    }

    impl Drop for Tree {
        fn drop(&mut self) {
            std::fs::remove_dir_all(&self.0).unwrap();
        }
    }

    const MACHINE: (&str, &str) =
        ("proc/meminfo", "MemTotal:  8000000 kB\nMemFree: 1 kB\nMemAvailable:  4000000 kB\n");

    fn bytes(name: &str, files: &[(&str, &str)]) -> u64 {
        available_below(&Tree::new(name, files).0).unwrap().bytes
    }

    #[test]
    fn without_groups_the_machine_limits() {
        assert_eq!(bytes("machine", &[MACHINE]), 4_000_000 * 1024);
        assert_eq!(available_below(Path::new("/nowhere")), None);
    }

    #[test]
    fn the_tightest_group_limits_and_page_cache_is_not_taken() {
        let files = [
            MACHINE,
            ("proc/self/cgroup", "0::/a/b\n"),
            ("sys/fs/cgroup/a/memory.max", "1000000\n"),
            ("sys/fs/cgroup/a/memory.current", "900000\n"),
            ("sys/fs/cgroup/a/memory.stat", "anon 300000\nactive_file 100000\ninactive_file 500000\n"),
            ("sys/fs/cgroup/a/b/memory.max", "max\n"),
            ("sys/fs/cgroup/a/b/memory.current", "1\n"),
        ];
        assert_eq!(bytes("v2", &files), 1_000_000 - 300_000);
    }

    #[test]
    fn a_container_sees_its_own_group_at_the_mount() {
        let files = [
            MACHINE,
            ("proc/self/cgroup", "9:name=systemd:/\n4:memory:/far/away\n0::/\n"),
            ("sys/fs/cgroup/memory/memory.limit_in_bytes", "2000000\n"),
            ("sys/fs/cgroup/memory/memory.usage_in_bytes", "700000\n"),
            ("sys/fs/cgroup/memory/memory.stat", "active_file 9\ntotal_inactive_file 200000\n"),
        ];
        assert_eq!(bytes("v1", &files), 2_000_000 - 500_000);
    }

    #[test]
    fn the_address_space_that_is_mapped_already_is_gone() {
        let files = [
            MACHINE,
            ("proc/self/limits", "Limit  Soft  Hard  Units\nMax address space  5000000  unlimited  bytes\n"),
            ("proc/self/status", "Name: x\nVmSize:\t    1000 kB\n"),
        ];
        assert_eq!(bytes("space", &files), 5_000_000 - 1_024_000);
        let unlimited = [MACHINE, ("proc/self/limits", "Max address space  unlimited  unlimited  bytes\n")];
        assert_eq!(bytes("unlimited", &unlimited), 4_000_000 * 1024);
    }

    #[test]
    fn what_does_not_fit_is_refused_with_the_numbers() {
        let left = Available { bytes: 100_000_000, limit: "the machine has 8000 MB".to_owned() };
        let need = |weights| Need { weights, scratch: 10_000_000, mapped: 5_000_000 };
        assert!(check(&need(90_000_000), Some(&left)).is_ok());
        assert!(check(&need(usize::MAX), None).is_ok());
        let text = check(&need(91_000_000), Some(&left)).unwrap_err().to_string();
        let expected =
            "needs 101 MB of memory of its own (weights 91 MB, working memory 10 MB), besides 5.0 MB that \
                        stay in the file, but 100 MB are left (the machine has 8000 MB)";
        assert!(text.contains(expected), "{text}");
        assert!(check(&need(usize::MAX), Some(&left)).is_err());
    }
}
