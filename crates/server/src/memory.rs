//! The memory of this process, as Linux tells it; elsewhere nothing is known.

use std::fs::read_to_string;

/// Most memory the process ever held at a time, bytes; 0 where the system does not say.
pub(crate) fn peak_bytes() -> u64 {
    let status = read_to_string("/proc/self/status").unwrap_or_default();
    let kilobytes =
        status.lines().find_map(|line| line.strip_prefix("VmHWM:")?.trim().strip_suffix(" kB")?.parse().ok());
    kilobytes.map_or(0, |kilobytes: u64| kilobytes * 1024)
}

/// What the process may hold at most before the system kills it, bytes: the limit of its control group, or all the memory
/// there is.
pub(crate) fn most_bytes() -> Option<u64> {
    limit_bytes().into_iter().chain(installed_bytes()).min()
}

#[cfg(target_os = "linux")]
fn installed_bytes() -> Option<u64> {
    let about = rustix::system::sysinfo();
    #[allow(clippy::useless_conversion, reason = "its type is another on other processors")]
    Some(u64::from(about.totalram) * u64::from(about.mem_unit))
}

#[cfg(not(target_os = "linux"))]
fn installed_bytes() -> Option<u64> {
    None
}

/// The limit of the control group of this process and of those around it, bytes, if there is one: what a container or a
/// systemd unit was given.
pub fn limit_bytes() -> Option<u64> {
    let groups = read_to_string("/proc/self/cgroup").unwrap_or_default();
    let limits = files(&groups).into_iter().filter_map(|file| read_to_string(file).ok()?.trim().parse().ok());
    // Version 1 writes a huge number for no limit, version 2 a word.
    limits.filter(|&bytes: &u64| bytes < 1 << 60).min()
}

/// Where the limits of these groups are: cgroups(7), both versions.
fn files(groups: &str) -> Vec<String> {
    let mut files = Vec::new();
    for line in groups.lines() {
        let mut fields = line.splitn(3, ':').skip(1);
        let (Some(controllers), Some(group)) = (fields.next(), fields.next()) else { continue };
        let (root, file) = match controllers {
            "" => ("/sys/fs/cgroup", "memory.max"),
            _ if controllers.split(',').any(|name| name == "memory") => {
                ("/sys/fs/cgroup/memory", "memory.limit_in_bytes")
            }
            _ => continue,
        };
        let mut group = group.trim_end_matches('/');
        loop {
            files.push(format!("{root}{group}/{file}"));
            let Some(at) = group.rfind('/') else { break };
            group = &group[..at];
        }
    }
    files
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn limits_are_looked_for_in_all_groups_around() {
        let unit = ["/system.slice/kaiga.service", "/system.slice", ""];
        assert_eq!(files("0::/system.slice/kaiga.service\n"), unit.map(|at| format!("/sys/fs/cgroup{at}/memory.max")));
        let docker = ["/docker/ab", "/docker", ""].map(|at| format!("/sys/fs/cgroup/memory{at}/memory.limit_in_bytes"));
        assert_eq!(files("9:cpu:/x\n4:memory,hugetlb:/docker/ab\n"), docker);
        assert_eq!(files("0::/"), ["/sys/fs/cgroup/memory.max"]);
    }

    #[test]
    #[cfg(target_os = "linux")]
    fn this_process_holds_less_than_it_may() {
        assert!(peak_bytes() > 1 << 20 && most_bytes().is_some_and(|most| most > peak_bytes()));
    }
}
