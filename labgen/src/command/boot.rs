//! `--kernel`: a command in a VM, shown as if it ran here.

use std::ffi::OsString;
use std::path::Path;
use std::process::ExitCode;

use super::report::Wanted;
use super::{FAILED, LACKING, WRONG, check, fail, start};
use crate::cli::{Doctor, Run, Variables};
use crate::protocol::Event;
use crate::state::{About, LabDir};
use crate::ui::{self, Ui, say};
use crate::vm::{self, Accelerator, EMULATION_FACTOR, Heard, Job, VmError};

/// `labgen run --kernel`.
pub(super) fn run(kernel: &Path, options: &Run) -> ExitCode {
    let file = options.scenario.file.as_path();
    let variables = &options.scenario.variables;
    let scenario = match check::load(file, &variables.set) {
        Ok(scenario) => scenario,
        Err(code) => return code,
    };
    if let Err(code) = start::programs_are_there(&scenario, start::base(file)) {
        return code;
    }
    let slow = options.slow;
    let args = |accelerator: &Accelerator| {
        let slow = slow.unwrap_or(match accelerator {
            Accelerator::Kvm => 1,
            Accelerator::Emulation(_) => EMULATION_FACTOR,
        });
        let words = ["run", "--json", "--slow"].map(OsString::from);
        let rest = [slow.to_string().into(), "--".into(), file.into()];
        [words.to_vec(), given(variables), rest.to_vec()].concat()
    };
    let mut show = Show {
        ui: Some(Ui::new(options.json)),
        slow,
        release: String::new(),
    };
    let lab = Lab {
        dir: LabDir::of(&scenario.lab.name),
        about: Some(start::about(file, &scenario)),
        wanted: super::wanted(options),
    };
    in_vm(kernel, options.vm.memory, &lab, &args, &mut show)
}

/// `labgen doctor --kernel`.
pub(super) fn doctor(kernel: &Path, options: &Doctor) -> ExitCode {
    let file = options.file.as_deref();
    let args = |_: &Accelerator| {
        let mut args = vec![OsString::from("doctor")];
        args.extend(options.json.then(|| "--json".into()));
        args.extend(given(&options.variables));
        args.push("--".into());
        args.extend(file.map(Into::into));
        args
    };
    let mut show = Show {
        ui: None,
        slow: Some(1),
        release: String::new(),
    };
    let lab = Lab {
        dir: LabDir::of("labgen-doctor"),
        about: None,
        wanted: Wanted::default(),
    };
    in_vm(kernel, options.vm.memory, &lab, &args, &mut show)
}

/// `--set` as it was given.
fn given(variables: &Variables) -> Vec<OsString> {
    let pairs = variables.set.iter();
    let set = pairs.map(|(name, value)| format!("--set={name}={value}").into());
    set.collect()
}

/// What the host keeps of a lab in a VM.
struct Lab<'a> {
    dir: LabDir,
    about: Option<About>,
    wanted: Wanted<'a>,
}

fn in_vm(
    kernel: &Path,
    memory: u32,
    lab: &Lab<'_>,
    args: &dyn Fn(&Accelerator) -> Vec<OsString>,
    show: &mut Show,
) -> ExitCode {
    let dir = &lab.dir;
    let noted = |lock| {
        lab.about
            .as_ref()
            .map_or(Ok(()), |about| dir.note(about))
            .map(|()| lock)
    };
    let lock = match dir.claim().and_then(noted) {
        Ok(lock) => lock,
        Err(e) => return fail(&e, FAILED),
    };
    let job = Job {
        kernel,
        memory,
        dir,
        args,
    };
    let outcome = vm::run(&job, &mut |heard| show.hear(heard));
    show.end_line();
    let code = match outcome {
        Ok(status) => ExitCode::from(status),
        Err(e) => failed(&e, dir),
    };
    let kept = start::end(dir, &lab.wanted);
    drop(lock);
    match (kept, dir.tidy(false)) {
        (Ok(()), Ok(_)) => code,
        (Err(e), _) => fail(&e, FAILED),
        (_, Err(e)) => fail(&e, FAILED),
    }
}

fn failed(error: &VmError, dir: &LabDir) -> ExitCode {
    if let VmError::Interrupted(signal) = error {
        eprintln!("{error}");
        return start::ended_by(*signal);
    }
    let status = match error {
        e if e.lacking() => LACKING,
        e if e.wrong() => WRONG,
        _ => FAILED,
    };
    let code = fail(error, status);
    match error.help() {
        Some(help) => eprintln!("help: {help}"),
        None if matches!(error, VmError::Ended { .. } | VmError::Silent { .. }) => {
            eprintln!("help: all it said is in `{}`", dir.vm_console().display());
        }
        None => {}
    }
    code
}

/// Shows what is heard from a VM.
struct Show {
    /// For events; without, lines are passed on as they are.
    ui: Option<Ui>,
    slow: Option<u32>,
    release: String,
}

impl Show {
    fn hear(&mut self, heard: Heard<'_>) {
        match heard {
            Heard::Booting {
                release,
                accelerator,
            } => {
                self.release = release.to_owned();
                if let Accelerator::Emulation(why) = accelerator {
                    let deadlines = match self.slow {
                        None => format!(", deadlines are {EMULATION_FACTOR} times as long"),
                        Some(_) => String::new(),
                    };
                    self.note(format!("the VM is emulated and slow{deadlines} ({why})"));
                }
                self.event(&Event::Building {
                    what: format!("booting kernel {release}"),
                    at: 0,
                });
            }
            Heard::Ready(took) => {
                let took = u64::try_from(took.as_micros()).unwrap_or(u64::MAX);
                self.note(format!(
                    "kernel {} booted in {}",
                    self.release,
                    ui::ms(took)
                ));
            }
            Heard::Out(line) => match (&self.ui, serde_json::from_str(&line)) {
                (Some(_), Ok(event)) => self.event(&event),
                _ => {
                    self.end_line();
                    say!("{line}\n");
                }
            },
            Heard::Err(line) => {
                self.end_line();
                eprintln!("{line}");
            }
        }
    }

    fn note(&mut self, text: String) {
        match self.ui {
            Some(_) => self.event(&Event::Note { text }),
            // Output is the command's own, down to the octet.
            None => eprintln!("{text}"),
        }
    }

    fn event(&mut self, event: &Event) {
        if let Some(ui) = &mut self.ui {
            ui.show(event);
        }
    }

    fn end_line(&mut self) {
        if let Some(ui) = &mut self.ui {
            ui.end_line();
        }
    }
}
