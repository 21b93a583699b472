"""One end of a GSS-API context of MIT krb5 inside TLS of OpenSSL, bound to the certificate.

    tls_gssapi.py client PORT CERTIFICATE HASH 1.2|1.3
    tls_gssapi.py server PORT CERTIFICATE HASH 1.2|1.3 KEY

The bindings are this end's own: HASH of the certificate as OpenSSL has it. Each token has its
length before it, in four octets. It says `established` and what the other end said, or `refused`.
"""

import hashlib
import socket
import ssl
import sys

import gssapi
from gssapi.raw import ChannelBindings

# A step that fails says so at once.
gssapi.SecurityContext.__DEFER_STEP_ERRORS__ = False

role, port, certificate, digest, version = sys.argv[1:6]
versions = {"1.2": ssl.TLSVersion.TLSv1_2, "1.3": ssl.TLSVersion.TLSv1_3}


def bindings(der):
    hashed = hashlib.new(digest, der).digest()
    return ChannelBindings(application_data=b"tls-server-end-point:" + hashed)


def send(stream, token):
    stream.sendall(len(token).to_bytes(4, "big") + token)


def exactly(stream, count):
    octets = b""
    while len(octets) < count:
        more = stream.recv(count - len(octets))
        if not more:
            raise EOFError
        octets += more
    return octets


def receive(stream):
    return exactly(stream, int.from_bytes(exactly(stream, 4), "big"))


def client():
    context = ssl.create_default_context(cafile=certificate)
    context.minimum_version = context.maximum_version = versions[version]
    with socket.create_connection(("127.0.0.1", int(port)), 20) as plain:
        with context.wrap_socket(plain, server_hostname="localhost") as stream:
            shown = stream.getpeercert(binary_form=True)
            initiator = gssapi.SecurityContext(
                name=gssapi.Name("host@localhost", gssapi.NameType.hostbased_service),
                flags=[gssapi.RequirementFlag.mutual_authentication,
                       gssapi.RequirementFlag.confidentiality,
                       gssapi.RequirementFlag.integrity],
                channel_bindings=bindings(shown),
                usage="initiate",
            )
            send(stream, initiator.step())
            try:
                initiator.step(receive(stream))
            except (EOFError, OSError):
                return "refused"
            send(stream, initiator.wrap(b"from Python", True).message)
            return "established " + initiator.unwrap(receive(stream)).message.decode()


def server():
    with open(certificate, encoding="ascii") as file:
        der = ssl.PEM_cert_to_DER_cert(file.read())
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = context.maximum_version = versions[version]
    context.load_cert_chain(certificate, sys.argv[6])
    with socket.create_server(("127.0.0.1", int(port))) as listening:
        print("listening", flush=True)
        plain, _ = listening.accept()
        with context.wrap_socket(plain, server_side=True) as stream:
            acceptor = gssapi.SecurityContext(usage="accept", channel_bindings=bindings(der))
            try:
                send(stream, acceptor.step(receive(stream)))
            except gssapi.exceptions.GSSError as error:
                # GSS_S_BAD_BINDINGS.
                return f"refused {error.maj_code >> 16}"
            said = acceptor.unwrap(receive(stream)).message.decode()
            send(stream, acceptor.wrap(b"from Python", True).message)
            return "established " + said


print(client() if role == "client" else server(), flush=True)
