"""One end of a SASL exchange by Cyrus SASL, with the bindings of a channel.

    cyrus.py client|server MECHANISM SERVICE HOST MINSSF MAXSSF [TYPE HEX-OF-DATA]

A line is a letter (C or S), a colon and a message in base64. In the end it says `done USER SSF`, or
`failed WHY`. After `done` with a security layer each end sends one buffer and says what it received.
"""

import base64
import ctypes
import sys

SASL_OK, SASL_CONTINUE = 0, 1
SASL_USERNAME, SASL_SSF, SASL_CHANNEL_BINDING, SASL_SEC_PROPS = 0, 1, 21, 101
SASL_CB_USER, SASL_CB_AUTHNAME = 0x4001, 0x4002

role, mechanism, service, host, min_ssf, max_ssf = sys.argv[1:7]
library = ctypes.CDLL("libsasl2.so.2")
library.sasl_errdetail.restype = ctypes.c_char_p


class Callback(ctypes.Structure):
    _fields_ = [("id", ctypes.c_ulong), ("proc", ctypes.c_void_p), ("context", ctypes.c_void_p)]


class ChannelBinding(ctypes.Structure):
    _fields_ = [
        ("name", ctypes.c_char_p),
        ("critical", ctypes.c_int),
        ("len", ctypes.c_ulong),
        ("data", ctypes.c_char_p),
    ]


class SecurityProperties(ctypes.Structure):
    _fields_ = [
        ("min_ssf", ctypes.c_uint),
        ("max_ssf", ctypes.c_uint),
        ("maxbufsize", ctypes.c_uint),
        ("security_flags", ctypes.c_uint),
        ("property_names", ctypes.c_void_p),
        ("property_values", ctypes.c_void_p),
    ]


GETSIMPLE = ctypes.CFUNCTYPE(
    ctypes.c_int,
    ctypes.c_void_p,
    ctypes.c_int,
    ctypes.POINTER(ctypes.c_char_p),
    ctypes.POINTER(ctypes.c_uint),
)


@GETSIMPLE
def name(_context, what, result, length):
    # Nobody is acted for; the ticket says who it is.
    result[0] = b"" if what == SASL_CB_USER else b"alice"
    if length:
        length[0] = len(result[0])
    return SASL_OK


address = ctypes.cast(name, ctypes.c_void_p)
callbacks = (Callback * 3)(
    Callback(SASL_CB_USER, address, None),
    Callback(SASL_CB_AUTHNAME, address, None),
    Callback(0, None, None),
)
connection = ctypes.c_void_p()
out, out_len = ctypes.c_char_p(), ctypes.c_uint()
ours, theirs = ("C", "S") if role == "client" else ("S", "C")


def failed(result):
    detail = library.sasl_errdetail(connection) if connection else b""
    print("failed", result, (detail or b"").decode(errors="replace"), flush=True)
    sys.exit(1)


def good(result):
    if result not in (SASL_OK, SASL_CONTINUE):
        failed(result)
    return result


def send():
    octets = ctypes.string_at(out, out_len.value) if out_len.value else b""
    print(f"{ours}: {base64.b64encode(octets).decode()}", flush=True)


def receive():
    for line in sys.stdin:
        if line.startswith(f"{theirs}: "):
            return base64.b64decode(line[3:])
    failed("the other end is gone")


if role == "client":
    good(library.sasl_client_init(callbacks))
    good(library.sasl_client_new(
        service.encode(), host.encode(), None, None, callbacks, 0, ctypes.byref(connection)))
else:
    good(library.sasl_server_init(None, b"orthros"))
    good(library.sasl_server_new(
        service.encode(), host.encode(), None, None, None, None, 0, ctypes.byref(connection)))
properties = SecurityProperties(int(min_ssf), int(max_ssf), 65536, 0, None, None)
good(library.sasl_setprop(connection, SASL_SEC_PROPS, ctypes.byref(properties)))
if len(sys.argv) > 7:
    data = bytes.fromhex(sys.argv[8])
    binding = ChannelBinding(sys.argv[7].encode(), 0, len(data), data)
    good(library.sasl_setprop(connection, SASL_CHANNEL_BINDING, ctypes.byref(binding)))

arguments = ctypes.byref(out), ctypes.byref(out_len)
if role == "client":
    chosen = ctypes.c_char_p()
    result = good(library.sasl_client_start(
        connection, mechanism.encode(), None, *arguments, ctypes.byref(chosen)))
    send()
    while result == SASL_CONTINUE:
        message = receive()
        result = good(library.sasl_client_step(
            connection, message, len(message), None, *arguments))
        if result == SASL_CONTINUE or out_len.value:
            send()
else:
    message = receive()
    result = good(library.sasl_server_start(
        connection, mechanism.encode(), message, len(message), *arguments))
    while result == SASL_CONTINUE:
        send()
        message = receive()
        result = good(library.sasl_server_step(connection, message, len(message), *arguments))
    if out_len.value:
        send()

user, ssf = ctypes.c_char_p(), ctypes.c_void_p()
good(library.sasl_getprop(connection, SASL_USERNAME, ctypes.byref(user)))
good(library.sasl_getprop(connection, SASL_SSF, ctypes.byref(ssf)))
strength = ctypes.cast(ssf, ctypes.POINTER(ctypes.c_uint))[0]
print("done", (user.value or b"").decode(), strength, flush=True)
if strength:
    text = f"{role} speaking".encode()
    good(library.sasl_encode(connection, text, len(text), *arguments))
    send()
    message = receive()
    good(library.sasl_decode(connection, message, len(message), *arguments))
    print("received", ctypes.string_at(out, out_len.value).decode(), flush=True)
