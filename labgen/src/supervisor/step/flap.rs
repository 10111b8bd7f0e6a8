//! What goes and comes back, again and again.

use std::net::IpAddr;
use std::rc::Rc;
use std::time::Duration;

use scenario::{Flap, Flapping, NodeId, SessionState};
use tokio::sync::watch;
use tokio::time::{Instant, sleep_until, timeout};

use super::{Unmet, attach, life};
use crate::observe::Topic;
use crate::supervisor::lab::{Lab, micros};
use crate::supervisor::observing::Observer;
use crate::supervisor::slowness;
use crate::tell::Change;
use crate::ui;

/// How long it may take until a session that was reset is told to be down; one that is back sooner is not seen down.
const GOES: Duration = Duration::from_millis(500);
/// How long it may take until it is back.
const RETURNS: Duration = Duration::from_secs(60);

/// Does it, until it is done or `stop` comes true; what flaps is there afterwards in any case.
pub(super) async fn flap(
    lab: &Rc<Lab>,
    flap: &Flap,
    mut stop: Option<watch::Receiver<bool>>,
) -> Result<String, Unmet> {
    let began = Instant::now();
    let name = name(lab, flap);
    let (mut done, mut late) = (0, Duration::ZERO);
    for (begins, ends) in flap.moments() {
        let stopped = async {
            let told = match &mut stop {
                Some(stop) => stop.wait_for(|stop| *stop).await.is_ok(),
                None => false,
            };
            // Nobody who could stop it is left.
            if !told {
                std::future::pending::<()>().await;
            }
        };
        tokio::select! {
            biased;
            () = stopped => break,
            () = sleep_until(began + begins) => {}
        }
        late = late.max(began.elapsed().saturating_sub(begins));
        let since = lab.at();
        let mut away = Away {
            lab,
            flap,
            back: false,
        };
        goes(lab, &flap.what).await?;
        sleep_until(began + ends).await;
        returns(lab, &flap.what).await?;
        away.back = true;
        done += 1;
        // What cables go through is told by who pulls them.
        if !matches!(flap.what, Flapping::Link(_)) {
            let for_how_long = ui::ms(lab.at() - since);
            lab.disturbed("flap", &name, since, &format!("away for {for_how_long}"));
        }
    }
    let took = ui::ms(micros(began.elapsed()));
    // A machine that cannot keep up makes another experiment of it.
    let behind = match late > flap.jitter + flap.period {
        true => format!(", up to {} later than asked", ui::ms(micros(late))),
        false => String::new(),
    };
    Ok(format!("{} in {took}{behind}", ui::count(done, "flap")))
}

/// Something that is away now. When nobody brings it back, because the step it is part of was stopped, it comes back
/// by itself.
struct Away<'a> {
    lab: &'a Rc<Lab>,
    flap: &'a Flap,
    back: bool,
}

impl Drop for Away<'_> {
    fn drop(&mut self) {
        if !self.back {
            let (lab, what) = (Rc::clone(self.lab), self.flap.what.clone());
            tokio::task::spawn_local(async move {
                // Nobody is left to be told that it failed.
                let _ = returns(&lab, &what).await;
            });
        }
    }
}

fn name(lab: &Lab, flap: &Flap) -> String {
    match &flap.what {
        Flapping::Announced(id) => match &lab.scenario[*id].name {
            Some(name) => name.clone(),
            None => lab.scenario[lab.scenario[*id].on].name.clone(),
        },
        Flapping::Port(attach) => lab.scenario[attach.port].name.clone(),
        Flapping::Session { on, peer } => format!("{} with {peer}", lab.scenario[*on].name),
        Flapping::Link(cable) => life::place(lab, *cable),
    }
}

async fn goes(lab: &Rc<Lab>, what: &Flapping) -> Result<(), Unmet> {
    match what {
        Flapping::Announced(id) => lab
            .tell_routes(*id, Change::Withdraw)
            .await
            .map(drop)
            .map_err(|e| Unmet::undone("the routes are withdrawn", &e)),
        Flapping::Port(from) => attach::detach(lab, from)
            .await
            .map(drop)
            .map_err(|e| Unmet::undone("the port is detached", &e)),
        Flapping::Session { on, peer } => {
            let told = lab.tell_reset(*on, *peer).await;
            told.map_err(|e| Unmet::undone("the session is reset", &e))?;
            let _ = timeout(GOES, session(lab, *on, *peer, false)).await;
            Ok(())
        }
        Flapping::Link(cable) => lab
            .cut(&life::place(lab, *cable))
            .await
            .map(drop)
            .map_err(|e| Unmet::undone("the cable is cut", &e)),
    }
}

async fn returns(lab: &Rc<Lab>, what: &Flapping) -> Result<(), Unmet> {
    match what {
        Flapping::Announced(id) => lab
            .tell_routes(*id, Change::Announce)
            .await
            .map(drop)
            .map_err(|e| Unmet::undone("the routes are announced again", &e)),
        Flapping::Port(to) => attach::attach(lab, to)
            .await
            .map(drop)
            .map_err(|e| Unmet::undone("the port is attached again", &e)),
        Flapping::Session { on, peer } => {
            let within = slowness::patience(RETURNS, lab.scenario.lab.slow);
            let back = timeout(within, session(lab, *on, *peer, true)).await;
            back.map_err(|_| Unmet {
                expected: format!("the session with {peer} comes back"),
                seen: format!("it is not Established after {} s", within.as_secs()),
                details: Vec::new(),
            })
        }
        Flapping::Link(cable) => lab
            .heal(&life::place(lab, *cable))
            .await
            .map(drop)
            .map_err(|e| Unmet::undone("the cable is healed", &e)),
    }
}

/// Waits until a session is Established, or is not.
async fn session(lab: &Rc<Lab>, on: NodeId, peer: IpAddr, established: bool) {
    let mut observer = Observer::new(lab, on, Topic::Sessions);
    loop {
        // Who does not answer has no session.
        let sessions = observer.sessions().await.unwrap_or_default();
        let mut with_peer = sessions.iter().filter(|session| session.peer == peer);
        let is = with_peer.any(|session| session.state == SessionState::Established);
        if is == established {
            return;
        }
        let _ = observer.changed().await;
    }
}
