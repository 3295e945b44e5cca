//! What others do to the logs: it is counted, said, and never fatal.

use std::io::Write as _;
use std::time::Duration;

use dreamos::logs::{Which, rotate};
use dreamos::names::Channel;
use dreamos::root;
use dreamos::time::Now;

use super::{export, samples};
use crate::home::{Home, METRICSD, has_tool, run};

fn lost(text: &str) -> String {
    samples(text)["dreamos_log_segments_lost_total{channel=\"messages\"}"].clone()
}

fn close(home: &Home) {
    rotate(
        &root::Home::at(&home.dir),
        &[Channel::Messages],
        Which::All,
        Duration::from_secs(5),
        Now::read().wall,
    )
    .unwrap();
}

fn closed(home: &Home) -> std::path::PathBuf {
    let logs = std::fs::read_dir(home.dir.join("runtime/logs")).unwrap();
    let mut closed: Vec<_> = logs
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.to_str().unwrap().contains("messages.2"))
        .collect();
    closed.sort();
    closed.pop().unwrap()
}

#[test]
fn a_log_that_goes_before_it_is_counted_is_counted_as_lost() {
    let home = Home::new();
    home.ok(&["send", "agent-1", "one", "-q"]);
    assert_eq!(lost(&export(&home).out), "0");
    home.ok(&["send", "agent-1", "two", "-q"]);
    close(&home);
    std::fs::remove_file(closed(&home)).unwrap();
    home.ok(&["send", "agent-1", "three", "-q"]);
    let told = export(&home).out;
    assert_eq!(lost(&told), "1");
    let sent = "dreamos_messages_sent_total{channel=\"messages\",result=\"queued\"}";
    assert_eq!(samples(&told)[sent], "2", "the first and the third");
}

#[test]
fn a_packed_log_that_cannot_be_unpacked_is_said_and_the_next_is_read() {
    let home = Home::new();
    home.ok(&["send", "agent-1", "one", "-q"]);
    close(&home);
    let closed = closed(&home);
    let mut packed = closed.clone().into_os_string();
    packed.push(".gz");
    std::fs::remove_file(&closed).unwrap();
    std::fs::write(packed, "no gzip").unwrap();
    home.ok(&["send", "agent-1", "two", "-q"]);
    let told = export(&home);
    assert!(told.err.contains("cannot be read"), "{told:?}");
    assert_eq!(lost(&told.out), "1");
    assert_eq!(export(&home).err, "", "said once");
}

#[test]
fn a_list_of_agents_that_cannot_be_read_is_said_once() {
    let swarm = crate::lives::Swarm::new(
        "worker: {command: sleep 1000, heartbeat: {interval: 1m, timeout: 5m}}",
    );
    swarm.ok(&["start", "worker"]);
    let list = swarm.home.dir.join("config/agents.yaml");
    let text = std::fs::read_to_string(&list).unwrap();
    std::fs::write(&list, text.clone() + "  worker: [\n").unwrap();
    let told = export(&swarm.home);
    assert_eq!(told.err.matches("agents.yaml").count(), 1, "{told:?}");
    std::fs::write(&list, text).unwrap();
}

#[test]
fn what_cannot_be_looked_at_is_said_and_all_else_is_told() {
    let home = Home::new();
    home.ok(&["send", "agent-1", "one", "-q"]);
    home.ok(&["send", "agent-2", "two", "-q"]);
    let journal = home.journal("agent-1");
    std::fs::remove_file(home.mailbox("agent-1").join(".index")).unwrap();
    let mut lines = std::fs::OpenOptions::new()
        .append(true)
        .open(journal)
        .unwrap();
    lines
        .write_all(b"{\"t\":\"ack\",\"seq\":1,\"sum\":\"00\"}\n")
        .unwrap();
    std::fs::write(home.dir.join("config/agent_comms/agent-3.json"), "{ no").unwrap();
    let told = export(&home);
    assert!(told.err.contains("the mailbox of agent-1"), "{told:?}");
    assert!(
        told.err.contains("agent-3.json: line 1, column 4"),
        "{told:?}"
    );
    let samples = samples(&told.out);
    assert_eq!(samples["dreamos_mailbox_unread{agent=\"agent-2\"}"], "1");
    assert!(!samples.contains_key("dreamos_mailbox_unread{agent=\"agent-1\"}"));
    assert!(samples.contains_key("dreamos_tasks{status=\"pending\"}"));
}

#[test]
fn a_log_that_is_a_link_takes_no_other_figures_with_it() {
    let home = Home::new();
    home.ok(&["send", "agent-1", "one", "-q"]);
    std::os::unix::fs::symlink("/etc/passwd", home.dir.join("runtime/logs/tasks.log")).unwrap();
    let told = export(&home);
    assert!(told.err.contains("tasks.log"), "{told:?}");
    let samples = samples(&told.out);
    let lines = "dreamos_log_lines_total{level=\"info\",channel=\"messages\"}";
    assert_eq!((told.code, &*samples[lines]), (0, "2"));
}

#[test]
fn on_a_full_disk_all_is_told_and_what_is_new_is_counted_later() {
    if !has_tool("strace") {
        return;
    }
    let home = Home::new();
    home.ok(&["send", "agent-1", "one", "-q"]);
    let lines = "dreamos_log_lines_total{level=\"info\",channel=\"messages\"}";
    let before = samples(&export(&home).out)[lines].clone();
    home.ok(&["send", "agent-1", "two", "-q"]);
    let mut command = home.command("strace");
    command
        .args(["-f", "-qq", "-o", "/dev/null"])
        .args(["-e", "inject=pwrite64:error=ENOSPC"])
        .args([METRICSD, "export"]);
    let full = run(&mut command, b"");
    assert!(full.err.contains("not counted yet"), "{full:?}");
    assert_eq!((full.code, &samples(&full.out)[lines]), (0, &before));
    assert_eq!(
        samples(&full.out)["dreamos_mailbox_unread{agent=\"agent-1\"}"],
        "2"
    );
    assert_eq!(samples(&export(&home).out)[lines], "3");
}

#[test]
fn what_cannot_be_taken_yet_or_any_more_has_not_waited() {
    let home = Home::new();
    home.ok(&["send", "agent-1", "later", "--at", "in 1h", "-q"]);
    home.ok(&["send", "agent-2", "over", "--expires", "1ms", "-q"]);
    std::thread::sleep(Duration::from_millis(5));
    let told = samples(&export(&home).out);
    for agent in ["agent-1", "agent-2"] {
        let of = |name: &str| told[&format!("dreamos_mailbox_{name}{{agent=\"{agent}\"}}")].clone();
        assert_eq!(of("oldest_unread_seconds"), "0", "{agent}");
        assert_eq!(of("unread"), "1", "{agent}");
    }
}

#[test]
fn a_mailbox_is_seen_as_its_verbs_see_it_also_without_its_index() {
    let home = Home::new();
    for n in 0..3 {
        home.ok(&["send", "agent-1", &format!("m {n}"), "-q"]);
    }
    home.ok(&["send", "agent-1", "now", "--mode", "PRIORITY", "-q"]);
    home.ok(&["next", "--as", "agent-1", "-q"]);
    let sample = "dreamos_mailbox_unread{agent=\"agent-1\"}";
    let unread = || samples(&export(&home).out)[sample].clone();
    assert_eq!(unread(), "4", "what is taken is not done");
    home.ok(&["ack", "--as", "agent-1", "4", "-q"]);
    assert_eq!(unread(), "3");
    let before = home.names("agent-1");
    let index = home.mailbox("agent-1").join(".index");
    let bytes = std::fs::read(&index).unwrap();
    for spoilt in [&b""[..], &b"nonsense"[..], &bytes[..bytes.len() / 2]] {
        std::fs::write(&index, spoilt).unwrap();
        assert_eq!(unread(), "3");
        assert_eq!(std::fs::read(&index).unwrap(), spoilt, "nothing is changed");
    }
    std::fs::remove_file(&index).unwrap();
    assert_eq!(unread(), "3");
    std::fs::write(&index, bytes).unwrap();
    assert_eq!(home.names("agent-1"), before);
}
