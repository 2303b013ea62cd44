"""Protects and unprotects packets with libsrtp, as a file of commands says.

    python srtp.py commands.txt

One command a line, packets in hexadecimal digits:

    context NAME PROFILE KEY-AND-SALT in|out    makes a context
    protect|protect_rtcp|unprotect|unprotect_rtcp NAME PACKET

Prints a line for each packet: "ok PACKET", or "error" and the reason.
"""

import sys

from pylibsrtp import Error, Policy, Session
from pylibsrtp._binding import ffi

PROFILES = {
    "SRTP_AES128_CM_HMAC_SHA1_80": Policy.SRTP_PROFILE_AES128_CM_SHA1_80,
    "SRTP_AES128_CM_HMAC_SHA1_32": Policy.SRTP_PROFILE_AES128_CM_SHA1_32,
    "SRTP_AEAD_AES_128_GCM": Policy.SRTP_PROFILE_AEAD_AES_128_GCM,
    "SRTP_AEAD_AES_256_GCM": Policy.SRTP_PROFILE_AEAD_AES_256_GCM,
}

# As many packets back as drywire remembers.
WINDOW = 1024


def context(profile, key, direction):
    kind = Policy.SSRC_ANY_OUTBOUND if direction == "out" else Policy.SSRC_ANY_INBOUND
    policy = Policy(key=bytes.fromhex(key), ssrc_type=kind, srtp_profile=PROFILES[profile])
    policy.window_size = WINDOW
    session = Session(policy=policy)
    # Its own buffer has 1,500 bytes, and leaves much of that for a trailer that no profile has.
    session._cdata = ffi.new("char[]", 4096)
    session._buffer = ffi.buffer(session._cdata)
    return session


def main():
    contexts = {}
    with open(sys.argv[1], encoding="ascii") as commands:
        for line in commands:
            command, name, *arguments = line.split()
            if command == "context":
                contexts[name] = context(*arguments)
                continue
            try:
                out = getattr(contexts[name], command)(bytes.fromhex(arguments[0]))
                print("ok", bytes(out).hex())
            except Error as error:
                print("error", error)


main()
