//! Throw-away certificate authorities and the certificates that they sign (ECDSA P-256).

use std::net::Ipv4Addr;
use std::time::Duration;

use anyhow::{Context as _, Result};
use p256::ecdsa::{DerSignature, SigningKey};
use p256::elliptic_curve::rand_core::{OsRng, RngCore as _};
use p256::pkcs8::{EncodePrivateKey as _, EncodePublicKey as _, LineEnding};
use x509_cert::Certificate;
use x509_cert::attr::AttributeTypeAndValue;
use x509_cert::builder::{Builder as _, CertificateBuilder, Profile};
use x509_cert::der::EncodePem as _;
use x509_cert::der::asn1::{Any, ObjectIdentifier, OctetString, SetOfVec, Utf8StringRef};
use x509_cert::der::oid::db::rfc4519::{COMMON_NAME, ORGANIZATION_NAME};
use x509_cert::der::oid::db::rfc5280::{ID_KP_CLIENT_AUTH, ID_KP_SERVER_AUTH};
use x509_cert::ext::pkix::name::GeneralName;
use x509_cert::ext::pkix::{ExtendedKeyUsage, SubjectAltName};
use x509_cert::name::{Name, RdnSequence, RelativeDistinguishedName};
use x509_cert::serial_number::SerialNumber;
use x509_cert::spki::SubjectPublicKeyInfoOwned;
use x509_cert::time::Validity;

/// Where Kubernetes looks for a user's uid in a client certificate.
const USER_UID: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.6.1.4.1.57683.2");
/// Longer than any test or demo, short enough that a forgotten key is worth nothing.
const LIFETIME: Duration = Duration::from_hours(30 * 24);

/// A certificate with its private key, both as PEM.
#[derive(Clone, Debug)]
pub(crate) struct Identity {
    pub(crate) cert: String,
    pub(crate) key: String,
}

/// A certificate authority of its own.
#[derive(Debug)]
pub(crate) struct Authority {
    name: Name,
    key: SigningKey,
    pub(crate) cert: String,
}

impl Authority {
    pub(crate) fn new(name: &str) -> Result<Self> {
        let key = SigningKey::random(&mut OsRng);
        let name = subject(name, &[], None)?;
        let builder = builder(Profile::Root, &name, &key, &key)?;
        let cert = pem(builder)?;
        Ok(Self { name, key, cert })
    }

    /// The private key, for the controller manager to sign what people ask for with a CertificateSigningRequest.
    pub(crate) fn key(&self) -> Result<String> {
        Ok(self.key.to_pkcs8_pem(LineEnding::LF)?.to_string())
    }

    /// A client certificate: the common name is the user, each organization a group.
    pub(crate) fn client(&self, user: &str, groups: &[String], uid: Option<&str>) -> Result<Identity> {
        self.sign(&subject(user, groups, uid)?, &[])
    }

    /// A certificate for a server on these addresses, which may also act as a client (etcd's peers are both).
    pub(crate) fn server(&self, name: &str, addresses: &[Ipv4Addr]) -> Result<Identity> {
        self.sign(&subject(name, &[], None)?, addresses)
    }

    fn sign(&self, subject: &Name, addresses: &[Ipv4Addr]) -> Result<Identity> {
        let key = SigningKey::random(&mut OsRng);
        let profile =
            Profile::Leaf { issuer: self.name.clone(), enable_key_agreement: false, enable_key_encipherment: false };
        let mut builder = builder(profile, subject, &key, &self.key)?;
        if addresses.is_empty() {
            builder.add_extension(&ExtendedKeyUsage(vec![ID_KP_CLIENT_AUTH]))?;
        } else {
            let names = addresses.iter().map(|address| Ok(GeneralName::IpAddress(OctetString::new(address.octets())?)));
            builder.add_extension(&SubjectAltName(names.collect::<Result<_>>()?))?;
            builder.add_extension(&ExtendedKeyUsage(vec![ID_KP_SERVER_AUTH, ID_KP_CLIENT_AUTH]))?;
        }
        Ok(Identity { cert: pem(builder)?, key: key.to_pkcs8_pem(LineEnding::LF)?.to_string() })
    }
}

/// A key pair for service account tokens: the private and the public half.
pub(crate) fn key_pair() -> Result<(String, String)> {
    let key = SigningKey::random(&mut OsRng);
    Ok((key.to_pkcs8_pem(LineEnding::LF)?.to_string(), key.verifying_key().to_public_key_pem(LineEnding::LF)?))
}

fn builder<'s>(
    profile: Profile,
    subject: &Name,
    key: &SigningKey,
    signer: &'s SigningKey,
) -> Result<CertificateBuilder<'s, SigningKey>> {
    let serial = SerialNumber::from(OsRng.next_u32());
    let public = SubjectPublicKeyInfoOwned::from_key(*key.verifying_key())?;
    let validity = Validity::from_now(LIFETIME)?;
    Ok(CertificateBuilder::new(profile, serial, validity, subject.clone(), public, signer)?)
}

fn pem(builder: CertificateBuilder<'_, SigningKey>) -> Result<String> {
    let certificate: Certificate = builder.build::<DerSignature>()?;
    Ok(certificate.to_pem(LineEnding::LF)?)
}

fn subject(user: &str, groups: &[String], uid: Option<&str>) -> Result<Name> {
    let mut parts = vec![(COMMON_NAME, user)];
    parts.extend(groups.iter().map(|group| (ORGANIZATION_NAME, group.as_str())));
    parts.extend(uid.map(|uid| (USER_UID, uid)));
    let parts = parts.into_iter().map(|(oid, text)| {
        let value = Any::from(Utf8StringRef::new(text)?);
        let set = SetOfVec::try_from(vec![AttributeTypeAndValue { oid, value }])?;
        Ok(RelativeDistinguishedName::from(set))
    });
    let parts = parts.collect::<Result<_>>().with_context(|| format!("cannot put user {user:?} into a certificate"))?;
    Ok(RdnSequence(parts))
}
