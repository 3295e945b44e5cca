//! A file of figures is whole whenever somebody reads it, and whoever writes it is killed.

use std::os::unix::fs::PermissionsExt as _;
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use crate::home::{Home, METRICSD};

fn writing(home: &Home) -> Command {
    let mut command = home.command(METRICSD);
    command.args(["textfile", "--out", "figures.prom"]);
    command.stdout(Stdio::null());
    command
}

#[test]
fn a_textfile_is_whole_whoever_reads_and_whoever_is_killed() {
    let home = &Home::new();
    assert!(writing(home).status().unwrap().success());
    let file = home.dir.join("figures.prom");
    let is_over = &AtomicBool::new(false);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            while !is_over.load(Ordering::Relaxed) {
                let text = std::fs::read_to_string(&file).unwrap();
                assert!(text.starts_with("# HELP dreamos_agent_"), "{text}");
                assert!(text.ends_with("\ndreamos_tasks_overdue 0\n"), "{text}");
                let mode = std::fs::metadata(&file).unwrap().permissions().mode();
                assert_eq!(mode & 0o777, 0o644);
            }
        });
        for n in 0..30 {
            let mut child = writing(home).spawn().unwrap();
            std::thread::sleep(Duration::from_micros(n * 7_919 % 40_000));
            child.kill().unwrap();
            child.wait().unwrap();
            assert!(writing(home).status().unwrap().success());
        }
        is_over.store(true, Ordering::Relaxed);
    });
}

#[test]
fn a_collector_of_text_files_never_takes_what_is_being_written() {
    let home = Home::new();
    let place = home.dir.join("collected");
    std::fs::create_dir(&place).unwrap();
    // A file that cannot be replaced: what was written aside goes.
    std::fs::create_dir(place.join("figures.prom")).unwrap();
    let mut command = home.command(METRICSD);
    let ran = command
        .args(["textfile", "--out", "collected/figures.prom"])
        .output();
    assert_eq!(ran.unwrap().status.code(), Some(74));
    assert_eq!(std::fs::read_dir(&place).unwrap().count(), 1);
}
