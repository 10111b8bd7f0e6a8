use futures_util::FutureExt;
use netns::changes::Changes;
use scenario::NodeId;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWriteExt};

use super::question::{self, Running};
use crate::observe::News;
use crate::supervisor::lab::Lab;

/// Word of changes at a node, as far as its program gives it.
pub(in crate::supervisor) struct Feed {
    news: News,
    source: Source,
}

enum Source {
    /// Not opened yet.
    Closed,
    /// There is none, or it has ended.
    Dry,
    Talk {
        words: Box<dyn AsyncRead + Unpin>,
        /// Ends with the feed.
        _command: Option<Running>,
    },
    File(Changes),
}

impl Feed {
    pub(in crate::supervisor) fn new(news: News) -> Self {
        Self {
            news,
            source: Source::Closed,
        }
    }

    /// Whether word may come.
    pub(in crate::supervisor) fn is_open(&self) -> bool {
        matches!(self.source, Source::Talk { .. } | Source::File(_))
    }

    /// Begins to listen. That nothing can be heard is no fault: then the node is asked more often.
    pub(in crate::supervisor) async fn open(&mut self, lab: &Lab, node: NodeId) {
        if !matches!(self.source, Source::Closed) {
            return;
        }
        self.source = match &self.news {
            News::None => None,
            News::Command(words) => match question::start(lab, node, words).await {
                Ok((command, [words, _])) => Some(Source::Talk {
                    words: Box::new(words),
                    _command: Some(command),
                }),
                Err(_) => None,
            },
            News::Socket { path, say } => {
                let stream = match question::connect(lab, node, path) {
                    Ok(mut stream) => {
                        let said = stream.write_all(say.as_bytes()).await;
                        said.is_ok().then_some(stream)
                    }
                    Err(_) => None,
                };
                stream.map(|stream| Source::Talk {
                    words: Box::new(stream),
                    _command: None,
                })
            }
            News::File(path) => {
                let home = lab.home(node).ok();
                let changes = home.and_then(|home| Changes::of(home.whole().ok()?, path).ok());
                changes.map(Source::File)
            }
            News::Log => {
                let log = lab.dir.log(&lab.scenario[node].name);
                Changes::here(&log).ok().map(Source::File)
            }
        }
        .unwrap_or(Source::Dry);
    }

    /// Waits for word; for ever once there can be none.
    pub(in crate::supervisor) async fn next(&mut self) {
        let heard = match &mut self.source {
            Source::Closed | Source::Dry => std::future::pending().await,
            Source::Talk { words, .. } => {
                let mut said = [0; 4096];
                matches!(words.read(&mut said).await, Ok(1..))
            }
            Source::File(changes) => changes.next().await.is_ok(),
        };
        if !heard {
            self.source = Source::Dry;
            std::future::pending::<()>().await;
        }
    }

    /// Takes all word that has come already: one question is the answer to all of it.
    pub(in crate::supervisor) fn drain(&mut self) {
        while self.is_open() && self.next().now_or_never().is_some() {}
    }
}
