# SPDX-License-Identifier: GPL-3.0-or-later
"""Keys and certificates: the cluster's own authority and one certificate a node."""

import hashlib
import os
import shutil
import socket
import ssl
import tempfile
import uuid

from . import cfs, files, paths, run
from .errors import PveError


def make_directory(path, mode=0o755):
    try:
        os.mkdir(path, mode)
    except FileExistsError:
        pass
    except OSError as error:
        raise PveError(f"unable to create directory '{path}' - {error.strerror}\n") from error


def make_node_directories(node):
    for path in (f"{paths.CLUSTER_DIR}/priv", f"{paths.CLUSTER_DIR}/priv/lock", f"{paths.CLUSTER_DIR}/nodes"):
        make_directory(path)
    base = paths.node_dir(node)
    make_directory(base)
    for name in ("qemu-server", "lxc", "openvz", "priv"):
        make_directory(f"{base}/{name}")


def make_observed_directories():
    for name in ("firewall", "ha", "mapping", "sdn", "virtual-guest", "priv/acme"):
        make_directory(f"{paths.CLUSTER_DIR}/{name}")


def _genrsa(bits):
    return run.output(["openssl", "genrsa", str(bits)])


def make_auth_key():
    if files.exists(paths.AUTH_PUBLIC_KEY) and files.exists(paths.AUTH_PRIVATE_KEY):
        return
    key = _genrsa(2048)
    public = run.output(["openssl", "rsa", "-pubout"], key)
    files.replace(paths.AUTH_PRIVATE_KEY, key, 0o600)
    files.replace(paths.AUTH_PUBLIC_KEY, public)


def make_www_key():
    if not files.exists(paths.WWW_KEY):
        files.replace(paths.WWW_KEY, _genrsa(2048))


def make_authority():
    """Nothing when both files are there; otherwise the certificate is made of the key, whatever was there of it.

    openssl opens the key file before it begins, and writes it under its name some seconds later: whatever has come to stand
    there meanwhile is overwritten. So a node whose files are not yet the cluster's can cost the cluster its authority.
    """
    if files.exists(paths.CA_KEY) and files.exists(paths.CA_CERTIFICATE):
        return
    if not files.exists(paths.CA_KEY):
        run.output(["openssl", "genrsa", "-out", paths.CA_KEY, "4096"])
    subject = f"/CN=Proxmox Virtual Environment/OU={uuid.uuid4()}/O=PVE Cluster Manager CA"
    run.output(
        ["openssl", "req", "-batch", "-days", "3650", "-new", "-x509", "-nodes"]
        + ["-key", paths.CA_KEY, "-out", paths.CA_CERTIFICATE, "-subj", subject]
    )


def _next_serial():
    old = files.read(paths.CA_SERIAL, "").strip()
    serial = f"{(int(old, 16) if old else 0) + 1:02X}"
    return serial if len(serial) % 2 == 0 else "0" + serial


def make_certificate(node, address, force):
    """`force` renews: the key stays. The service goes on with the old certificate until it is restarted."""
    base = paths.node_dir(node)
    key_file, certificate_file = f"{base}/pve-ssl.key", f"{base}/pve-ssl.pem"
    if files.exists(certificate_file) and not force:
        return
    if not files.exists(key_file):
        files.replace(key_file, _genrsa(2048))
    names = ["DNS:localhost", "IP:127.0.0.1", "IP:0:0:0:0:0:0:0:1", f"DNS:{node}"]
    fqdn = socket.getfqdn()
    if fqdn not in (node, "localhost"):
        names.append(f"DNS:{fqdn}")
    if address:
        names.append(f"IP:{address}")
    scratch = tempfile.mkdtemp(prefix="pvecert")
    try:
        request, extensions = f"{scratch}/request.pem", f"{scratch}/extensions"
        run.output(
            ["openssl", "req", "-batch", "-new", "-key", key_file, "-out", request]
            + ["-subj", f"/OU=PVE Cluster Node/O=Proxmox Virtual Environment/CN={fqdn}"]
        )
        with open(extensions, "w", encoding="ascii") as stream:
            stream.write(
                "basicConstraints=CA:FALSE\nextendedKeyUsage=serverAuth\nsubjectKeyIdentifier=hash\n"
                f"authorityKeyIdentifier=keyid\nsubjectAltName={','.join(names)}\n"
            )
        serial = _next_serial()
        certificate = run.output(
            ["openssl", "x509", "-req", "-in", request, "-days", "730", "-CA", paths.CA_CERTIFICATE]
            + ["-CAkey", paths.CA_KEY, "-set_serial", f"0x{serial}", "-extfile", extensions]
        )
    finally:
        shutil.rmtree(scratch, ignore_errors=True)
    files.replace(paths.CA_SERIAL, serial + "\n", 0o600)
    files.replace(certificate_file, certificate)


def make_node_files(node, address, force=False):
    make_node_directories(node)
    make_auth_key()
    make_www_key()
    make_authority()
    make_certificate(node, address, force)


def served_files(node):
    """Certificate and key pveproxy serves: an uploaded pair wins."""
    base = paths.node_dir(node)
    if files.exists(f"{base}/pveproxy-ssl.pem"):
        return f"{base}/pveproxy-ssl.pem", f"{base}/pveproxy-ssl.key"
    return f"{base}/pve-ssl.pem", f"{base}/pve-ssl.key"


def fingerprint_of_der(der):
    digest = hashlib.sha256(der).hexdigest().upper()
    return ":".join(digest[index : index + 2] for index in range(0, 64, 2))


def fingerprint(node):
    certificate, _ = served_files(node)
    try:
        pem = files.read(certificate)
    except OSError as error:
        raise PveError(f"unable to read '{certificate}' - {error.strerror}\n") from error
    first = pem[pem.index("-----BEGIN CERTIFICATE-----") :]
    first = first[: first.index("-----END CERTIFICATE-----") + len("-----END CERTIFICATE-----")]
    return fingerprint_of_der(ssl.PEM_cert_to_DER_cert(first))


def own_fingerprint():
    return fingerprint(cfs.node_name())
