//! How many threads this process may use: physical cores, affinity and control groups together.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use crate::system::control_groups::{self, Version};
use crate::{Error, Result};

/// `LITZ_NUM_THREADS`, else `requested`, else the physical cores that affinity and control groups leave to this process.
pub fn available_threads(requested: Option<usize>) -> Result<usize> {
    let variable = std::env::var("LITZ_NUM_THREADS").ok();
    choose(variable.as_deref(), requested, || usable_cores(Path::new("/")))
}

fn choose(variable: Option<&str>, requested: Option<usize>, detect: impl Fn() -> usize) -> Result<usize> {
    if let Some(text) = variable.filter(|text| !text.trim().is_empty()) {
        return match text.trim().parse() {
            Ok(threads) if (1..=1024).contains(&threads) => Ok(threads),
            _ => Err(Error::Value(format!(
                "LITZ_NUM_THREADS is {text:?}, expected a number from 1 to 1024; unset it to let litz choose"
            ))),
        };
    }
    match requested {
        Some(threads) if !(1..=1024).contains(&threads) => {
            Err(Error::Value(format!("threads is {threads}, expected a number from 1 to 1024")))
        }
        Some(threads) => Ok(threads),
        None => Ok(detect()),
    }
}

/// Reads `/proc` and `/sys` below `root`; what cannot be read does not limit.
fn usable_cores(root: &Path) -> usize {
    let allowed = read(root, "proc/self/status").and_then(|text| allowed_cpus(&text));
    let cores = match allowed {
        Some(cpus) if !cpus.is_empty() => physical_cores(root, &cpus),
        _ => std::thread::available_parallelism().map_or(1, usize::from),
    };
    cores.min(quota(root).unwrap_or(usize::MAX)).clamp(1, 1024)
}

fn read(root: &Path, path: &str) -> Option<String> {
    std::fs::read_to_string(root.join(path)).ok()
}

/// The `Cpus_allowed_list` of `/proc/self/status`.
fn allowed_cpus(status: &str) -> Option<BTreeSet<usize>> {
    parse_list(status.lines().find_map(|line| line.strip_prefix("Cpus_allowed_list:"))?)
}

/// A kernel list: "0-3,8,10-11".
fn parse_list(text: &str) -> Option<BTreeSet<usize>> {
    let mut cpus = BTreeSet::new();
    for part in text.trim().split(',').filter(|part| !part.is_empty()) {
        let (first, last) = part.split_once('-').unwrap_or((part, part));
        let (first, last): (usize, usize) = (first.trim().parse().ok()?, last.trim().parse().ok()?);
        if last < first || last > 1 << 16 {
            return None;
        }
        cpus.extend(first..=last);
    }
    Some(cpus)
}

/// How many cores the processors belong to: siblings of one core count once.
fn physical_cores(root: &Path, cpus: &BTreeSet<usize>) -> usize {
    let core = |cpu: &usize| {
        let topology = format!("sys/devices/system/cpu/cpu{cpu}/topology");
        let siblings = read(root, &format!("{topology}/core_cpus_list"))
            .or_else(|| read(root, &format!("{topology}/thread_siblings_list")));
        let first = siblings.and_then(|text| parse_list(&text)).and_then(|list| list.first().copied());
        first.unwrap_or(*cpu)
    };
    cpus.iter().map(core).collect::<BTreeSet<usize>>().len()
}

/// The lowest processor quota of this process's control group and those above it, in whole processors (at least 1).
fn quota(root: &Path) -> Option<usize> {
    let quota = |(group, version): (PathBuf, Version)| match version {
        Version::One => quota_v1(&group),
        Version::Two => quota_v2(&group),
    };
    let quotas = control_groups::of_this_process(root, "cpu").into_iter().filter_map(quota);
    quotas.reduce(f64::min).map(|quota| (quota as usize).max(1))
}

/// `cpu.max`: "max 100000" or "150000 100000".
fn quota_v2(group: &Path) -> Option<f64> {
    let text = std::fs::read_to_string(group.join("cpu.max")).ok()?;
    let mut fields = text.split_whitespace();
    ratio(fields.next()?, fields.next()?)
}

fn quota_v1(group: &Path) -> Option<f64> {
    let field = |name: &str| std::fs::read_to_string(group.join(name)).ok();
    ratio(&field("cpu.cfs_quota_us")?, &field("cpu.cfs_period_us")?)
}

fn ratio(quota: &str, period: &str) -> Option<f64> {
    let (quota, period): (f64, f64) = (quota.trim().parse().ok()?, period.trim().parse().ok()?);
    (quota > 0.0 && period > 0.0).then(|| quota / period)
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Tree(PathBuf);

    impl Tree {
        fn new(name: &str, files: &[(&str, &str)]) -> Self {
            let root = std::env::temp_dir().join(format!("litz-threads-{name}-{}", std::process::id()));
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

    const EIGHT: (&str, &str) = ("proc/self/status", "Name:\tx\nCpus_allowed_list:\t0-7\n");

    #[test]
    fn lists_of_processors_are_ranges_and_numbers() {
        assert_eq!(parse_list("0-2,5,7-8\n").unwrap().into_iter().collect::<Vec<_>>(), [0, 1, 2, 5, 7, 8]);
        assert_eq!(parse_list("\n").unwrap().len(), 0);
        assert_eq!(parse_list("3-1"), None);
        assert_eq!(parse_list("a"), None);
        assert_eq!(parse_list("0-99999999"), None);
    }

    #[test]
    fn siblings_of_one_core_count_once() {
        let siblings = ["0,4", "1,5", "2,6", "3,7", "0,4", "1,5", "2,6", "3,7"];
        let paths: Vec<String> =
            (0..8).map(|cpu| format!("sys/devices/system/cpu/cpu{cpu}/topology/core_cpus_list")).collect();
        let mut files: Vec<(&str, &str)> = paths.iter().map(String::as_str).zip(siblings).collect();
        files.push(EIGHT);
        let tree = Tree::new("siblings", &files);
        assert_eq!(usable_cores(&tree.0), 4);
        assert_eq!(physical_cores(&tree.0, &[0, 1, 4].into()), 2);
    }

    #[test]
    fn a_quota_of_any_group_above_limits() {
        let files = [
            EIGHT,
            ("proc/self/cgroup", "0::/a/b\n"),
            ("sys/fs/cgroup/cpu.max", "max 100000\n"),
            ("sys/fs/cgroup/a/cpu.max", "250000 100000\n"),
            ("sys/fs/cgroup/a/b/cpu.max", "max 100000\n"),
        ];
        assert_eq!(usable_cores(&Tree::new("v2", &files).0), 2);
    }

    #[test]
    fn a_quota_below_one_processor_leaves_one_thread() {
        let files = [
            EIGHT,
            ("proc/self/cgroup", "3:cpu,cpuacct:/x\n1:memory:/x\n"),
            ("sys/fs/cgroup/cpu,cpuacct/x/cpu.cfs_quota_us", "50000\n"),
            ("sys/fs/cgroup/cpu,cpuacct/x/cpu.cfs_period_us", "100000\n"),
            ("sys/fs/cgroup/cpu,cpuacct/cpu.cfs_quota_us", "-1\n"),
            ("sys/fs/cgroup/cpu,cpuacct/cpu.cfs_period_us", "100000\n"),
        ];
        assert_eq!(usable_cores(&Tree::new("v1", &files).0), 1);
    }

    #[test]
    fn a_group_path_cannot_leave_the_mount() {
        let files = [EIGHT, ("proc/self/cgroup", "0::/../../x\n"), ("x/cpu.max", "100000 100000\n")];
        assert_eq!(usable_cores(&Tree::new("dots", &files).0), 8);
    }

    #[test]
    fn the_variable_wins_and_nonsense_is_an_error() {
        assert_eq!(choose(Some("3"), Some(5), || 9).unwrap(), 3);
        assert_eq!(choose(None, Some(5), || 9).unwrap(), 5);
        assert_eq!(choose(Some(" "), None, || 9).unwrap(), 9);
        for wrong in ["0", "-1", "two", "1025", "1.5"] {
            assert!(choose(Some(wrong), None, || 9).unwrap_err().to_string().contains("LITZ_NUM_THREADS"));
        }
        assert!(choose(None, Some(0), || 9).is_err());
    }
}
