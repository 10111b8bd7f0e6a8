//! TLS for the API, with client certificates where they are asked for.

use std::{path::PathBuf, sync::Arc};

use thiserror::Error;
use tokio_rustls::{
    TlsAcceptor,
    rustls::{
        self, RootCertStore, ServerConfig,
        crypto::ring,
        pki_types::{CertificateDer, PrivateKeyDer, pem, pem::PemObject as _},
        server::{VerifierBuilderError, WebPkiClientVerifier},
    },
};

use crate::config;

/// Why there is no TLS.
#[derive(Debug, Error)]
#[allow(missing_docs, reason = "the texts say it")]
pub enum TlsError {
    #[error("`{}`, option `{option}` of section [API]: {source}", file.display())]
    File {
        option: &'static str,
        file: PathBuf,
        source: pem::Error,
    },
    #[error("`{}`, option `tls_cert` of section [API]: there is no certificate in it", file.display())]
    NoCertificate { file: PathBuf },
    #[error("certificate and key of section [API]: {0}")]
    Pair(#[from] rustls::Error),
    #[error("option `client_ca` of section [API]: {0}")]
    Clients(#[from] VerifierBuilderError),
}

impl TlsError {
    /// The option of [API] that it is about.
    pub fn option(&self) -> &'static str {
        match self {
            Self::File { option, .. } => option,
            Self::NoCertificate { .. } | Self::Pair(_) => "tls_cert",
            Self::Clients(_) => "client_ca",
        }
    }
}

/// Whether TLS can be made of connections as the configuration has it.
///
/// # Errors
/// A file that cannot be used.
pub fn check(api: &config::Api) -> Result<(), TlsError> {
    api.tls.as_ref().map(acceptor).transpose().map(drop)
}

/// What makes TLS of connections.
pub(super) fn acceptor(tls: &config::Tls) -> Result<TlsAcceptor, TlsError> {
    let provider = Arc::new(ring::default_provider());
    let builder = ServerConfig::builder_with_provider(Arc::clone(&provider))
        .with_safe_default_protocol_versions()?;
    let builder = match &tls.client_ca {
        None => builder.with_no_client_auth(),
        Some(file) => {
            let mut roots = RootCertStore::empty();
            for certificate in certificates("client_ca", file)? {
                roots.add(certificate)?;
            }
            let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider);
            builder.with_client_cert_verifier(verifier.build()?)
        }
    };
    let chain = certificates("tls_cert", &tls.cert)?;
    if chain.is_empty() {
        let file = tls.cert.clone();
        return Err(TlsError::NoCertificate { file });
    }
    let key = PrivateKeyDer::from_pem_file(&tls.key).map_err(|source| TlsError::File {
        option: "tls_key",
        file: tls.key.clone(),
        source,
    })?;
    let mut config = builder.with_single_cert(chain, key)?;
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(TlsAcceptor::from(Arc::new(config)))
}

fn certificates(
    option: &'static str,
    file: &PathBuf,
) -> Result<Vec<CertificateDer<'static>>, TlsError> {
    let certificates = CertificateDer::pem_file_iter(file).and_then(Iterator::collect);
    certificates.map_err(|source| TlsError::File {
        option,
        file: file.clone(),
        source,
    })
}
