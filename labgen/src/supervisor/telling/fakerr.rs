use std::io;

use netns::unix::unix_in;
use scenario::NodeId;
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};

use super::TellError;
use crate::kinds::FAKERR_CONTROL;
use crate::supervisor::lab::Lab;
use crate::tell::fakerr::answer;

/// Gives orders to a reflector of ours, and waits until all are carried out.
pub(super) async fn orders(lab: &Lab, node: NodeId, orders: &[String]) -> Result<(), TellError> {
    let name = || lab.scenario[node].name.clone();
    let failed = |source| TellError::Io {
        node: name(),
        source,
    };
    let stream = unix_in(lab.home(node)?.whole()?, FAKERR_CONTROL.as_ref());
    let mut stream = stream.map_err(|error| failed(io::Error::other(error)))?;
    let (said, mut to) = stream.split();
    let saying = async {
        for order in orders {
            to.write_all(order.as_bytes()).await?;
            to.write_all(b"\n").await?;
        }
        Ok(())
    };
    // Both at once: who has to wait for room for its answers reads no orders.
    let hearing = async {
        let mut said = BufReader::new(said);
        let mut refused = None;
        for _ in orders {
            let mut line = String::new();
            if said.read_line(&mut line).await? == 0 {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
            if let Err(why) = answer(&line) {
                refused.get_or_insert(why);
            }
        }
        Ok(refused)
    };
    let ((), refused) = tokio::try_join!(saying, hearing).map_err(failed)?;
    match refused {
        None => Ok(()),
        Some(why) => Err(TellError::Refused { node: name(), why }),
    }
}
