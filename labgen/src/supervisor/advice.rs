//! What to do when the machine gives no more of something.

use std::error::Error;
use std::io;

use netns::link::{LinkError, LinkErrorKind};
use netns::ns::NsError;
use nix::errno::Errno;

/// Advice on an error whose last cause is that the machine, or what this user may have of it, is used up.
pub(super) fn on(error: &(dyn Error + 'static)) -> Option<&'static str> {
    let mut causes = std::iter::successors(Some(error), |error| (*error).source());
    let namespace = causes.clone().any(|cause| {
        let tried = cause.downcast_ref::<NsError>();
        tried.is_some_and(|tried| tried.action.contains("namespace"))
    });
    let errno = causes.find_map(|cause| match cause.downcast_ref::<LinkError>() {
        Some(link) => match link.kind {
            LinkErrorKind::Os(errno) => Some(errno),
            _ => None,
        },
        None => cause.downcast_ref::<io::Error>()?.raw_os_error(),
    });
    Some(match (Errno::from_raw(errno?), namespace) {
        (Errno::EMFILE, _) => {
            "a lab holds a few open files for every node: raise the hard limit (`ulimit -Hn`), or make it smaller"
        }
        (Errno::ENFILE, _) => "the whole machine has too many files open: see `sysctl fs.file-max`",
        (Errno::ENOSPC, true) => {
            "this user may make no more namespaces: see `sysctl user` for max_net_namespaces and max_mnt_namespaces"
        }
        (Errno::ENOSPC | Errno::EDQUOT, false) => {
            "make room, or set LABGEN_STATE to a directory where there is some"
        }
        (Errno::EAGAIN, _) => {
            "this user may start no more processes: see `ulimit -u`, the control group's pids.max and \
             `sysctl kernel.pid_max kernel.threads-max`"
        }
        (Errno::ENOMEM, _) => "the machine has no memory left for it",
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::supervisor::build::BuildError;

    fn namespaces(errno: Errno) -> BuildError {
        let source = NsError {
            action: "make a network namespace".into(),
            source: io::Error::from_raw_os_error(errno as i32),
        };
        let node = "n".into();
        BuildError::Namespace { node, source }
    }

    #[test]
    fn the_last_cause_decides() {
        let file = BuildError::File {
            node: "n".into(),
            path: "/run/x".into(),
            source: io::Error::from_raw_os_error(Errno::ENOSPC as i32),
        };
        assert!(on(&file).is_some_and(|advice| advice.contains("LABGEN_STATE")));
        let limit = on(&namespaces(Errno::ENOSPC));
        assert!(limit.is_some_and(|advice| advice.contains("max_net_namespaces")));
        assert!(on(&namespaces(Errno::EMFILE)).is_some_and(|advice| advice.contains("ulimit -Hn")));
        assert_eq!(on(&namespaces(Errno::EPERM)), None);
    }
}
