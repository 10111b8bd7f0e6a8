//! Telling the programs of nodes what to do: routes to announce and withdraw, sessions to reset, octets to send.

mod exabgp;
mod fakerr;
mod grpc;

use std::net::IpAddr;
use std::time::Duration;

use scenario::{Announcement, AnnouncementId, Inject, NodeId, NodeKind};
use tokio::time::{Instant, timeout};

use super::lab::{Absent, Lab, micros};
use super::observing::{self, AskError};
use super::slowness;
use crate::tell::{self, Change, Reset};
use crate::ui;

/// The longest that a program may take for what is no matter of how much.
const PATIENCE: Duration = Duration::from_secs(30);
/// How much longer for each route: a hundred routes a second is what the slowest of them does on a slow machine.
const EACH: Duration = Duration::from_millis(10);

/// Why a program was not told something, or did not do it.
#[derive(Debug, thiserror::Error)]
pub(super) enum TellError {
    #[error(transparent)]
    Absent(#[from] Absent),
    #[error(transparent)]
    Namespace(#[from] netns::ns::NsError),
    #[error("`{node}` cannot be told: nodes of its kind take no such orders")]
    Deaf { node: String },
    #[error("`{node}` does not take orders: {source}")]
    Io {
        node: String,
        source: std::io::Error,
    },
    #[error("`{node}` refused: {why}")]
    Refused { node: String, why: String },
    #[error("`{node}` refused `{line}`; `labgen logs {node}` may say why")]
    RefusedLine { node: String, line: String },
    #[error(
        "nobody in `{node}` reads what ExaBGP is told: its configuration needs `process labgen {{ run /bin/sh /run/exabgp/tap.sh; encoder json; }}`"
    )]
    NoTap { node: String },
    #[error(transparent)]
    NoWords(#[from] tell::exabgp::NoWords),
    #[error("gRPC to `{node}`")]
    Grpc {
        node: String,
        source: grpc::GrpcError,
    },
    #[error("`{node}` cannot run the command: {source}")]
    Command { node: String, source: AskError },
    #[error("`{node}` did not answer within {} s", .after.as_secs())]
    Silent { node: String, after: Duration },
}

impl Lab {
    /// Has a speaker announce or withdraw routes; what was done, in a line.
    pub(super) async fn tell_routes(
        &self,
        id: AnnouncementId,
        change: Change,
    ) -> Result<String, TellError> {
        let announcement = &self.scenario[id];
        let patience = PATIENCE + EACH * announcement.routes;
        let began = Instant::now();
        self.in_turn(announcement.on, patience, self.routes(announcement, change))
            .await?;
        let routes = usize::try_from(announcement.routes).unwrap_or(usize::MAX);
        let took = ui::ms(micros(began.elapsed()));
        Ok(format!("{} in {took}", ui::count(routes, "route")))
    }

    async fn routes(&self, announcement: &Announcement, change: Change) -> Result<(), TellError> {
        let node = announcement.on;
        match &self.scenario[node].kind {
            NodeKind::FakeRr(_) => {
                let orders = tell::fakerr::originate(announcement, change);
                fakerr::orders(self, node, &orders).await
            }
            NodeKind::GoBgp(_) => {
                let messages = tell::gobgp::messages(announcement, change);
                self.grpc(node, tell::gobgp::ADD_PATHS, messages).await
            }
            NodeKind::ExaBgp(_) => {
                let lines = tell::exabgp::lines(announcement, change)?;
                exabgp::lines(self, node, &lines).await
            }
            _ => Err(self.deaf(node)),
        }
    }

    async fn grpc(
        &self,
        node: NodeId,
        path: &str,
        messages: Vec<bytes::Bytes>,
    ) -> Result<(), TellError> {
        let net = self.home(node)?.net.clone();
        let stream = netns::tcp::tcp_in(&net, grpc::API).await;
        let stream = stream.map_err(|error| TellError::Io {
            node: self.scenario[node].name.clone(),
            source: std::io::Error::other(error),
        })?;
        let called = grpc::call(stream, path, messages).await;
        called.map_err(|source| TellError::Grpc {
            node: self.scenario[node].name.clone(),
            source,
        })
    }

    /// Has a speaker reset its session with `peer`. That it has ended may be told later.
    pub(super) async fn tell_reset(&self, node: NodeId, peer: IpAddr) -> Result<(), TellError> {
        let how = tell::reset(&self.scenario[node].kind, peer).ok_or_else(|| self.deaf(node))?;
        let telling = async {
            match &how {
                Reset::Order(order) => {
                    fakerr::orders(self, node, std::slice::from_ref(order)).await
                }
                Reset::Line(line) => exabgp::lines(self, node, std::slice::from_ref(line)).await,
                Reset::Command(words) => {
                    let ran = observing::run(self, node, words).await;
                    ran.map(drop).map_err(|source| TellError::Command {
                        node: self.scenario[node].name.clone(),
                        source,
                    })
                }
            }
        };
        self.in_turn(node, PATIENCE, telling).await
    }

    /// Has a reflector of ours send octets as they are.
    pub(super) async fn tell_octets(&self, inject: &Inject) -> Result<(), TellError> {
        let order = tell::fakerr::send(inject.to, &inject.octets);
        let telling = fakerr::orders(self, inject.on, std::slice::from_ref(&order));
        self.in_turn(inject.on, PATIENCE, telling).await
    }

    /// While nobody else tells the node anything, starts or ends it.
    async fn in_turn(
        &self,
        node: NodeId,
        patience: Duration,
        telling: impl Future<Output = Result<(), TellError>>,
    ) -> Result<(), TellError> {
        let name = &self.scenario[node].name;
        let _turn = self.state.turn(name).await;
        let after = slowness::patience(patience, self.scenario.lab.slow);
        let told = timeout(after, telling).await;
        told.unwrap_or_else(|_| {
            Err(TellError::Silent {
                node: name.clone(),
                after,
            })
        })
    }

    fn deaf(&self, node: NodeId) -> TellError {
        TellError::Deaf {
            node: self.scenario[node].name.clone(),
        }
    }
}
