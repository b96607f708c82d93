//! Configures rustls for `sslmode` and `sslrootcert`.

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

/// The requirements on the server's certificate.
#[derive(Debug)]
pub(super) enum Verification {
    Nothing,
    /// An authority in this file signed it.
    Chain(PathBuf),
    /// An authority in this file signed it, and it names the host.
    Whole(PathBuf),
    /// An authority of the system signed it, and it names the host.
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

/// Verifies that an authority in `roots` signed the certificate, if there are `roots`. It never verifies the name.
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

#[cfg(test)]
mod tests {
    use std::process::Command;
    use std::sync::Arc;

    use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair};
    use rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};
    use rustls::server::{ClientHello, ResolvesServerCert};
    use rustls::sign::CertifiedKey;
    use rustls::version::{TLS12, TLS13};
    use rustls::{ClientConnection, ServerConfig, ServerConnection, SupportedProtocolVersion};

    use super::*;

    fn authority() -> CertifiedIssuer<'static, KeyPair> {
        let mut parameters = CertificateParams::new(vec![]).unwrap();
        parameters.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        CertifiedIssuer::self_signed(parameters, KeyPair::generate().unwrap()).unwrap()
    }

    /// A server's certificate, and a key that need not belong to it.
    #[derive(Debug)]
    struct Identity(Arc<CertifiedKey>);

    impl ResolvesServerCert for Identity {
        fn resolve(&self, _: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
            Some(self.0.clone())
        }
    }

    fn identity(authority: &CertifiedIssuer<'static, KeyPair>, is_stolen: bool) -> Arc<CertifiedKey> {
        identity_until(2100, authority, is_stolen)
    }

    fn identity_until(
        year: i32,
        authority: &CertifiedIssuer<'static, KeyPair>,
        is_stolen: bool,
    ) -> Arc<CertifiedKey> {
        let [own, other] = [(); 2].map(|()| KeyPair::generate().unwrap());
        let mut parameters = CertificateParams::new(vec!["localhost".to_owned()]).unwrap();
        parameters.not_after = rcgen::date_time_ymd(year, 1, 2);
        let certificate = parameters.signed_by(&own, authority).unwrap();
        let key = if is_stolen { &other } else { &own };
        let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(key.serialize_der()));
        let key = ring::sign::any_supported_type(&key).unwrap();
        Arc::new(CertifiedKey::new(vec![certificate.der().clone()], key))
    }

    /// Runs the handshake of a client and a server in memory, and returns the client's result.
    fn handshake(
        client: ClientConfig,
        name: &'static str,
        identity: Arc<CertifiedKey>,
        version: &'static SupportedProtocolVersion,
    ) -> Result<(), rustls::Error> {
        let server = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_protocol_versions(&[version])
            .unwrap()
            .with_no_client_auth()
            .with_cert_resolver(Arc::new(Identity(identity)));
        let mut server = ServerConnection::new(Arc::new(server)).unwrap();
        let mut client = ClientConnection::new(Arc::new(client), name.try_into().unwrap()).unwrap();
        while client.is_handshaking() {
            let mut bytes = Vec::new();
            client.write_tls(&mut bytes).unwrap();
            server.read_tls(&mut &*bytes).unwrap();
            server.process_new_packets().unwrap();
            bytes.clear();
            server.write_tls(&mut bytes).unwrap();
            client.read_tls(&mut &*bytes).unwrap();
            client.process_new_packets()?;
        }
        Ok(())
    }

    /// Anyone who saw a certificate can present it, but cannot sign with its key.
    #[test]
    fn a_server_must_have_the_key_of_its_certificate() {
        let folder = tempfile::tempdir().unwrap();
        let [right, wrong] = [(); 2].map(|()| authority());
        let path = folder.path().join("right.pem");
        std::fs::write(&path, right.pem()).unwrap();
        let modes =
            [Verification::Nothing, Verification::Chain(path.clone()), Verification::Whole(path.clone())];
        for verification in &modes {
            let connect = |name, authority, is_stolen, version| {
                let client = client_config(verification).unwrap();
                handshake(client, name, identity(authority, is_stolen), version).is_ok()
            };
            let (verifies_authority, verifies_name) = match verification {
                Verification::Nothing => (false, false),
                Verification::Chain(_) => (true, false),
                Verification::Whole(_) | Verification::System => (true, true),
            };
            for version in [&TLS12, &TLS13] {
                assert!(connect("localhost", &right, false, version), "{verification:?}");
                assert!(!connect("localhost", &right, true, version), "{verification:?} {version:?}");
                assert_eq!(connect("localhost", &wrong, false, version), !verifies_authority);
                assert_eq!(connect("other.test", &right, false, version), !verifies_name);
            }
        }
    }

    /// A server sends its own certificate, and then those between it and the authority.
    #[test]
    fn a_certificate_may_come_from_an_intermediate_authority() {
        let folder = tempfile::tempdir().unwrap();
        let (root, path) = (authority(), folder.path().join("root.pem"));
        std::fs::write(&path, root.pem()).unwrap();
        let mut parameters = CertificateParams::new(vec![]).unwrap();
        parameters.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        parameters.distinguished_name.push(DnType::CommonName, "intermediate");
        let key = KeyPair::generate().unwrap();
        let intermediate = CertifiedIssuer::signed_by(parameters, key, &root).unwrap();
        let alone = identity(&intermediate, false);
        let certificates = vec![alone.cert[0].clone(), intermediate.der().clone()];
        let whole = Arc::new(CertifiedKey::new(certificates, alone.key.clone()));
        for verification in [Verification::Chain(path.clone()), Verification::Whole(path.clone())] {
            for version in [&TLS12, &TLS13] {
                let connect = |identity: &Arc<CertifiedKey>| {
                    let client = client_config(&verification).unwrap();
                    handshake(client, "localhost", identity.clone(), version).is_ok()
                };
                assert_eq!([connect(&whole), connect(&alone)], [true, false], "{verification:?} {version:?}");
            }
        }
    }

    #[test]
    fn a_certificate_that_has_expired_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let (root, path) = (authority(), folder.path().join("root.pem"));
        std::fs::write(&path, root.pem()).unwrap();
        let expired = identity_until(2020, &root, false);
        for (verification, is_accepted) in [
            (Verification::Nothing, true),
            (Verification::Chain(path.clone()), false),
            (Verification::Whole(path.clone()), false),
        ] {
            let client = client_config(&verification).unwrap();
            let connected = handshake(client, "localhost", expired.clone(), &TLS13);
            assert_eq!(connected.is_ok(), is_accepted, "{verification:?} {connected:?}");
        }
    }

    /// Otherwise, a part of the authorities would be missing without an error.
    #[test]
    fn a_file_with_a_broken_certificate_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("authorities.pem");
        let broken = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";
        let (first, second) = (authority().pem(), authority().pem());
        for (text, count) in [
            (format!("{first}{second}"), Some(2)),
            (format!("{first}{broken}"), None),
            (format!("{broken}{first}"), None),
            (String::new(), None),
        ] {
            std::fs::write(&path, text).unwrap();
            let expected = count.ok_or(ConfigError::RootCertificate(path.clone()));
            assert_eq!(certificates(&path).map(|roots| roots.len()), expected);
        }
    }

    /// The authorities of the system are in the file of an environment variable, so the test needs a process of its own.
    #[test]
    fn the_authorities_of_the_system_are_needed_and_the_name_is_verified() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("system.pem");
        let mut command = Command::new(std::env::current_exe().unwrap());
        command.args(["--exact", "postgres::tls::tests::the_system_trusts_one_authority", "--ignored"]);
        command.env("SSL_CERT_FILE", &path).env("TEST_SYSTEM_AUTHORITIES", &path).env_remove("SSL_CERT_DIR");
        let output = command.output().unwrap();
        assert!(output.status.success(), "{output:?}");
        assert!(String::from_utf8_lossy(&output.stdout).contains("1 passed"), "{output:?}");
    }

    #[test]
    #[ignore = "another test runs it in a process of its own"]
    fn the_system_trusts_one_authority() {
        let Some(path) = std::env::var_os("TEST_SYSTEM_AUTHORITIES") else { return };
        std::fs::write(&path, "").unwrap();
        let error = client_config(&Verification::System).err();
        assert_eq!(error, Some(ConfigError::NoSystemCertificates));
        let [right, wrong] = [(); 2].map(|()| authority());
        std::fs::write(&path, right.pem()).unwrap();
        for version in [&TLS12, &TLS13] {
            let connect = |name, authority| {
                let client = client_config(&Verification::System).unwrap();
                handshake(client, name, identity(authority, false), version).is_ok()
            };
            let connected =
                [connect("localhost", &right), connect("other.test", &right), connect("localhost", &wrong)];
            assert_eq!(connected, [true, false, false], "{version:?}");
        }
    }
}
