# SPDX-License-Identifier: Apache-2.0
"""Certificates for servers on loopback, each by an authority of its own."""

import datetime
import ipaddress
import pathlib

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

_DAY = datetime.timedelta(days=1)


def make(folder: pathlib.Path, *names: str) -> pathlib.Path:
    """A folder with ca.pem, cert.pem and key.pem.

    :param names: names or IP addresses that the certificate is for
    """
    folder.mkdir(parents=True, exist_ok=True)
    authority, key = (ec.generate_private_key(ec.SECP256R1()) for _ in 'ab')
    issuer = _name('authority')
    ca = _certificate(issuer, issuer, authority, authority, ca=True)
    alternatives = x509.SubjectAlternativeName(list(map(_general, names)))
    cert = _certificate(
        _name(names[0]), issuer, key, authority, alternatives=alternatives
    )
    for name, one in (('ca', ca), ('cert', cert)):
        pem = one.public_bytes(serialization.Encoding.PEM)
        (folder / f'{name}.pem').write_bytes(pem)
    (folder / 'key.pem').write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
    )
    return folder


def _certificate(subject, issuer, key, authority, *, ca=False,
                 alternatives=None):  # fmt: skip
    now = datetime.datetime.now(datetime.UTC)
    built = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - _DAY)
        .not_valid_after(now + _DAY)
        .add_extension(x509.BasicConstraints(ca, None), critical=True)
    )
    if alternatives is not None:
        built = built.add_extension(alternatives, critical=False)
    return built.sign(authority, hashes.SHA256())


def _name(text):
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text)])


def _general(text):
    try:
        return x509.IPAddress(ipaddress.ip_address(text))
    except ValueError:
        return x509.DNSName(text)
