//! The control groups that limit this process, as `/proc` and `/sys` tell.

use std::path::{Component, Path, PathBuf};

/// Which interface a group's files follow.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Version {
    /// One hierarchy a controller.
    One,
    /// One hierarchy for all.
    Two,
}

/// The folders of this process's groups for a controller, and of all groups above them.
///
/// A path that the mount does not show (a container's) leaves those that it does; no path leaves the mount.
pub(crate) fn of_this_process(root: &Path, controller: &str) -> Vec<(PathBuf, Version)> {
    let groups = std::fs::read_to_string(root.join("proc/self/cgroup")).unwrap_or_default();
    let mount = root.join("sys/fs/cgroup");
    let mut found = Vec::new();
    for line in groups.lines() {
        let mut fields = line.splitn(3, ':').skip(1);
        let (Some(controllers), Some(group)) = (fields.next(), fields.next()) else { continue };
        if controllers.is_empty() {
            found.extend(above(&mount, group).map(|folder| (folder, Version::Two)));
        } else if controllers.split(',').any(|name| name == controller) {
            // The hierarchy of several controllers is mounted under all their names, or under one of them.
            let mounts = [controllers, controller].map(|name| mount.join(name));
            let mounted = mounts.into_iter().find(|path| path.is_dir());
            found.extend(
                mounted.iter().flat_map(|mount| above(mount, group)).map(|folder| (folder, Version::One)),
            );
        }
    }
    found
}

/// A group's folder under its mount, and those of the groups above it.
fn above(mount: &Path, group: &str) -> impl Iterator<Item = PathBuf> {
    let inside: PathBuf =
        Path::new(group.trim()).components().filter(|part| matches!(part, Component::Normal(_))).collect();
    let folders: Vec<PathBuf> = inside.ancestors().map(|part| mount.join(part)).collect();
    folders.into_iter()
}
