//! Configures rustls as `sslmode` and `sslrootcert` say.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::client::verify_server_cert_signed_by_trust_anchor;
use rustls::crypto::{WebPkiSupportedAlgorithms, ring, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::server::ParsedCertificate;
use rustls::{ClientConfig, DigitallySignedStruct, RootCertStore, SignatureScheme};

use super::ConfigError;

/// What is verified of the server's certificate.
#[derive(Debug)]
pub(super) enum Verification {
    Nothing,
    /// That an authority in this file signed it.
    Chain(PathBuf),
    /// That an authority in this file signed it, and that it names the host.
    Whole(PathBuf),
    /// That an authority of the system signed it, and that it names the host.
    System,
}

pub(super) fn client_config(verification: &Verification) -> Result<ClientConfig, ConfigError> {
    let provider = Arc::new(ring::default_provider());
    let builder = ClientConfig::builder_with_provider(provider.clone()).with_safe_default_protocol_versions();
    let Ok(builder) = builder else { unreachable!("the provider supports the default versions of TLS") };
    let weak =
        |roots| Arc::new(WithoutName { roots, algorithms: provider.signature_verification_algorithms });
    let builder = match verification {
        Verification::Nothing => builder.dangerous().with_custom_certificate_verifier(weak(None)),
        Verification::Chain(path) => {
            builder.dangerous().with_custom_certificate_verifier(weak(Some(certificates(path)?)))
        }
        Verification::Whole(path) => builder.with_root_certificates(certificates(path)?),
        Verification::System => builder.with_root_certificates(system_certificates()?),
    };
    Ok(builder.with_no_client_auth())
}

fn certificates(path: &Path) -> Result<RootCertStore, ConfigError> {
    let error = || ConfigError::RootCertificate(path.to_owned());
    let mut roots = RootCertStore::empty();
    for certificate in CertificateDer::pem_file_iter(path).map_err(|_| error())? {
        roots.add(certificate.map_err(|_| error())?).map_err(|_| error())?;
    }
    if roots.is_empty() { Err(error()) } else { Ok(roots) }
}

fn system_certificates() -> Result<RootCertStore, ConfigError> {
    let mut roots = RootCertStore::empty();
    roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
    if roots.is_empty() { Err(ConfigError::NoSystemCertificates) } else { Ok(roots) }
}

/// Verifies a certificate's authority, if `roots` has any, but never its name.
#[derive(Debug)]
struct WithoutName {
    roots: Option<RootCertStore>,
    algorithms: WebPkiSupportedAlgorithms,
}

impl ServerCertVerifier for WithoutName {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        _server_name: &ServerName<'_>,
        _ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        if let Some(roots) = &self.roots {
            let certificate = ParsedCertificate::try_from(end_entity)?;
            let algorithms = self.algorithms.all;
            verify_server_cert_signed_by_trust_anchor(&certificate, roots, intermediates, now, algorithms)?;
        }
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls12_signature(message, certificate, signature, &self.algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls13_signature(message, certificate, signature, &self.algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.algorithms.supported_schemes()
    }
}
