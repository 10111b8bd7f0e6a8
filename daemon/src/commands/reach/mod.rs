//! How the small tools reach a daemon's API: plainly, over TLS, or by a Unix socket, with a token or without.

mod trust;

use std::{env, io, net::SocketAddr, path::PathBuf, sync::Arc};

use bagpipe_api::{Client, ClientError};
use clap::Args;
use thiserror::Error;
use tokio::net::{TcpStream, UnixStream};
use tokio_rustls::{
    TlsConnector,
    rustls::{
        self, ClientConfig,
        crypto::ring,
        pki_types::{CertificateDer, PrivateKeyDer, ServerName, pem, pem::PemObject as _},
    },
};

use self::trust::Trust;
use crate::{
    config::{RawConfig, default_file},
    rest::{Token, TokenError},
};

/// What a daemon wants of those who speak to it.
#[derive(Debug, Args)]
pub struct ReachArgs {
    /// File with the token that the daemon asks for [default: that of BAGPIPE_BGP_TOKEN_FILE, else of the configuration file]
    #[arg(long, value_name = "PATH", help_heading = HEADING)]
    token_file: Option<PathBuf>,

    /// Unix socket that the daemon listens on, in place of a TCP port [default: that of `host` in the configuration file, if it is one]
    #[arg(long, value_name = "PATH", conflicts_with = "tls_ca", help_heading = HEADING)]
    unix_socket: Option<PathBuf>,

    /// Speak TLS, with a daemon whose certificate is in this file, or comes from one in it and names the address
    #[arg(long, value_name = "PATH", help_heading = HEADING)]
    tls_ca: Option<PathBuf>,

    /// File with a certificate, and those between it and its root, for daemons that ask for one
    #[arg(long, value_name = "PATH", requires_all = ["tls_key", "tls_ca"], help_heading = HEADING)]
    tls_cert: Option<PathBuf>,

    /// File with its key
    #[arg(long, value_name = "PATH", requires = "tls_cert", help_heading = HEADING)]
    tls_key: Option<PathBuf>,
}

const HEADING: &str = "Reaching the daemon";

/// Why there is no way to a daemon.
#[derive(Debug, Error)]
pub enum ReachError {
    /// The token file that was named holds none.
    #[error("token file `{}`", file.display())]
    Token {
        /// The file.
        file: PathBuf,
        /// What is wrong with it.
        source: TokenError,
    },
    /// Nobody listens on a Unix socket, or not for everybody.
    #[error("no server at the Unix socket `{}`", path.display())]
    Socket {
        /// The socket's file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// A file that TLS needs cannot be used.
    #[error("`{}`, given with --{option}", file.display())]
    File {
        /// The option that names it.
        option: &'static str,
        /// The file.
        file: PathBuf,
        /// What is wrong with it.
        source: pem::Error,
    },
    /// Certificates or key are no such things to TLS.
    #[error("certificates and key given with --tls-ca, --tls-cert and --tls-key")]
    Tls(#[from] rustls::Error),
    /// The daemon does not speak TLS, or one of the two does not trust the other.
    #[error("no TLS with {address}")]
    Handshake {
        /// Where the connection went.
        address: SocketAddr,
        /// What came instead.
        source: io::Error,
    },
    /// Nobody listens, or it is no HTTP server.
    #[error(transparent)]
    Client(#[from] ClientError),
}

impl ReachArgs {
    /// A connection to the daemon at an address, or at a Unix socket; it brings the token along. If the address was
    /// found by default, the configuration file may name a socket instead.
    ///
    /// # Errors
    /// Nobody is there, what was given to get through cannot be used, or does not do.
    pub async fn connect(
        &self,
        address: SocketAddr,
        by_default: bool,
    ) -> Result<Client, ReachError> {
        let token = self.token()?;
        let mut client = if let Some(path) = self.socket(by_default && address.ip().is_loopback()) {
            let stream = UnixStream::connect(&path).await;
            let stream = stream.map_err(|source| ReachError::Socket { path, source })?;
            Client::over(stream, &address.to_string()).await?
        } else if let Some(ca) = &self.tls_ca {
            let connector = self.connector(ca)?;
            let stream = TcpStream::connect(address)
                .await
                .map_err(|source| ClientError::Connect { address, source })?;
            let name = ServerName::IpAddress(address.ip().into());
            let stream = connector.connect(name, stream).await;
            let stream = stream.map_err(|source| ReachError::Handshake { address, source })?;
            Client::over(stream, &address.to_string()).await?
        } else {
            Client::connect(address).await?
        };
        if let Some(token) = token {
            client.set_token(token.text());
        }
        Ok(client)
    }

    fn connector(&self, ca: &PathBuf) -> Result<TlsConnector, ReachError> {
        let provider = Arc::new(ring::default_provider());
        let trust = Trust::new(certificates("tls-ca", ca)?, Arc::clone(&provider))?;
        let builder = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()?
            .dangerous()
            .with_custom_certificate_verifier(Arc::new(trust));
        let mut config = match (&self.tls_cert, &self.tls_key) {
            (Some(cert), Some(key)) => {
                let chain = certificates("tls-cert", cert)?;
                let key = PrivateKeyDer::from_pem_file(key).map_err(|source| ReachError::File {
                    option: "tls-key",
                    file: key.clone(),
                    source,
                })?;
                builder.with_client_auth_cert(chain, key)?
            }
            _ => builder.with_no_client_auth(),
        };
        config.alpn_protocols = vec![b"http/1.1".to_vec()];
        Ok(TlsConnector::from(Arc::new(config)))
    }

    fn socket(&self, by_default: bool) -> Option<PathBuf> {
        if self.unix_socket.is_some() || self.tls_ca.is_some() || !by_default {
            return self.unix_socket.clone();
        }
        let host = configured("host")?;
        host.strip_prefix("unix:").map(PathBuf::from)
    }

    /// The token to bring along, if there is one.
    fn token(&self) -> Result<Option<Token>, ReachError> {
        let of_environment = || env::var_os("BAGPIPE_BGP_TOKEN_FILE").map(PathBuf::from);
        if let Some(file) = self.token_file.clone().or_else(of_environment) {
            let token = Token::read(&file).map_err(|source| ReachError::Token { file, source })?;
            return Ok(Some(token));
        }
        // One that only the configuration names may be somebody else's to read.
        Ok(configured("token_file").and_then(|file| Token::read(file.as_ref()).ok()))
    }
}

/// What the configuration file says of the API; the tools need none.
fn configured(option: &'static str) -> Option<String> {
    let raw = RawConfig::read(&[default_file()], &[]).ok()?;
    raw.text("API", option).ok().flatten()
}

fn certificates(
    option: &'static str,
    file: &PathBuf,
) -> Result<Vec<CertificateDer<'static>>, ReachError> {
    let certificates = CertificateDer::pem_file_iter(file).and_then(Iterator::collect);
    certificates.map_err(|source| ReachError::File {
        option,
        file: file.clone(),
        source,
    })
}
