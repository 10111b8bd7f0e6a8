//! Commands.

use std::rc::Rc;

use netns::ns::NodeNs;
use scenario::{Endpoint, Exec};
use tokio::time::timeout;

use super::output::{Leashed, spawn};
use super::{Unmet, net_of, nowhere};
use crate::supervisor::lab::Lab;

pub(super) async fn exec(lab: &Lab, exec: &Exec) -> Result<String, Unmet> {
    let net = net_of(lab, exec.on).ok_or_else(|| nowhere(lab, exec.on))?;
    let home = match exec.on {
        Endpoint::Node(node) => lab
            .home(node)
            .map_err(|e| Unmet::undone("the node is there", &e))?,
        Endpoint::Port(port) => match lab.state.ports.borrow().get(&lab.scenario[port].name) {
            Some(state) => Rc::clone(&state.home),
            None => return Err(nowhere(lab, exec.on)),
        },
    };
    let expected = format!(
        "`{}` ends with status {}",
        exec.command.join(" "),
        exec.exit
    );
    let whole = home.whole().map_err(|e| Unmet::undone(&expected, &e))?;
    let place = NodeNs {
        net,
        ..whole.clone()
    };
    let Some((program, args)) = exec.command.split_first() else {
        return Ok(String::new());
    };
    let running = spawn(lab, program, args, place).await;
    let (child, output) = running.map_err(|e| Unmet::undone(&expected, &e))?;
    let child = Leashed(child);
    let Ok(ended) = timeout(exec.within, child.0.clone().exited()).await else {
        return Err(Unmet {
            expected,
            seen: format!("it still runs after {:?}", exec.within),
            details: Vec::new(),
        });
    };
    let (stdout, stderr) = output.collect().await;
    let said = |name: &str, text: &str| {
        text.lines()
            .map(|line| format!("{name}: {line}"))
            .collect::<Vec<_>>()
    };
    let details = || [said("stdout", &stdout), said("stderr", &stderr)].concat();
    if i32::from(ended.shell_code()) != exec.exit {
        return Err(Unmet {
            expected,
            seen: ended.to_string(),
            details: details(),
        });
    }
    for (name, wanted, text) in [
        ("output", &exec.stdout, &stdout),
        ("error output", &exec.stderr, &stderr),
    ] {
        if let Some(unmet) = wanted.first_unmet(text) {
            return Err(Unmet {
                expected: format!("what `{}` prints is as said", exec.command.join(" ")),
                seen: format!("its {name} {unmet}"),
                details: details(),
            });
        }
    }
    Ok(String::new())
}
