//! What `/proc` tells of processes: CPU time, memory, and who holds a port.

use std::fs;
use std::path::Path;
use std::time::Duration;

/// CPU time that a process has used, all its threads together.
pub(crate) fn cpu_time(pid: u32) -> Option<Duration> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    let hertz = rustix::param::clock_ticks_per_second();
    parse_cpu_ticks(&stat).map(|ticks| Duration::from_nanos(ticks * 1_000_000_000 / hertz.max(1)))
}

/// utime + stime (proc(5), fields 14 and 15), in clock ticks.
fn parse_cpu_ticks(stat: &str) -> Option<u64> {
    // The name may hold spaces and parentheses: the last one ends it.
    let (_, fields) = stat.rsplit_once(") ")?;
    let mut fields = fields.split(' ').skip(11);
    let user: u64 = fields.next()?.parse().ok()?;
    let system: u64 = fields.next()?.parse().ok()?;
    Some(user + system)
}

/// Resident memory of a process, in bytes.
pub(crate) fn resident_bytes(pid: u32) -> Option<u64> {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
    parse_resident(&status)
}

fn parse_resident(status: &str) -> Option<u64> {
    let line = status
        .lines()
        .find_map(|line| line.strip_prefix("VmRSS:"))?;
    let kib: u64 = line.trim().strip_suffix(" kB")?.trim().parse().ok()?;
    Some(kib * 1024)
}

/// The process that listens on a TCP port, as `pid 4711 (nginx)`; `None` when it cannot be seen.
pub(crate) fn port_holder(port: u16) -> Option<String> {
    let inode = ["/proc/net/tcp", "/proc/net/tcp6"]
        .iter()
        .filter_map(|table| fs::read_to_string(table).ok())
        .find_map(|table| parse_listener(&table, port))?;
    let socket = format!("socket:[{inode}]");
    let processes = fs::read_dir("/proc").ok()?;
    processes.flatten().find_map(|process| {
        let name = process.file_name();
        let pid: u32 = name.to_str()?.parse().ok()?;
        holds(&process.path(), &socket).then(|| describe(pid))
    })
}

fn holds(process: &Path, socket: &str) -> bool {
    let Ok(descriptors) = fs::read_dir(process.join("fd")) else {
        return false;
    };
    descriptors
        .flatten()
        .filter_map(|descriptor| fs::read_link(descriptor.path()).ok())
        .any(|link| link.as_os_str() == socket)
}

fn describe(pid: u32) -> String {
    let name = fs::read_to_string(format!("/proc/{pid}/comm")).unwrap_or_default();
    format!("pid {pid} ({})", name.trim())
}

/// The inode of the listening socket on `port` in a `/proc/net/tcp` table.
fn parse_listener(table: &str, port: u16) -> Option<u64> {
    const LISTEN: &str = "0A";
    table.lines().skip(1).find_map(|line| {
        let mut fields = line.split_whitespace().skip(1);
        let (_, local) = fields.next()?.rsplit_once(':')?;
        let state = fields.nth(1)?;
        if u16::from_str_radix(local, 16) != Ok(port) || state != LISTEN {
            return None;
        }
        fields.nth(5)?.parse().ok()
    })
}

#[cfg(test)]
mod tests {
    use std::net::TcpListener;

    use super::*;

    #[test]
    fn cpu_ticks_are_found_behind_any_name() {
        let numbers = "S 1 2 3 4 5 6 7 8 9 10 250 50 0 0 20 0 1";
        for name in ["envoy", "a b", "x) R (y"] {
            let stat = format!("42 ({name}) {numbers}");
            assert_eq!(parse_cpu_ticks(&stat), Some(300), "{name}");
        }
        assert_eq!(parse_cpu_ticks("42 (x) S 1"), None);
        assert_eq!(parse_cpu_ticks(""), None);
    }

    #[test]
    fn resident_memory_is_in_bytes() {
        assert_eq!(
            parse_resident("VmHWM:\t  9 kB\nVmRSS:\t    2048 kB\nX: 1"),
            Some(2_097_152)
        );
        assert_eq!(parse_resident("VmSize: 1 kB"), None);
    }

    #[test]
    fn only_listeners_hold_a_port() {
        let table = "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode\n\
            0: 0100007F:1F90 0100007F:C001 01 0:0 00:0 0 0 0 111 1 0\n\
            1: 0100007F:1F90 00000000:0000 0A 0:0 00:0 0 0 0 222 1 0\n";
        assert_eq!(parse_listener(table, 8080), Some(222));
        assert_eq!(parse_listener(table, 8081), None);
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn our_own_figures_and_ports_are_seen() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let holder = port_holder(listener.local_addr().unwrap().port()).unwrap();
        let pid = std::process::id();
        assert!(holder.starts_with(&format!("pid {pid} (")), "{holder}");
        assert!(resident_bytes(pid).unwrap() > 100_000);
        assert!(cpu_time(pid).is_some());
    }
}
