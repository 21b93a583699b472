"""What Samba's NDR library reads in a PAC, and a buffer that it writes.

samba_pac.py read    a PAC on standard input -> its fields as JSON
samba_pac.py write   S4U_DELEGATION_INFO in hex
"""

import json
import sys

from samba.dcerpc import krb5pac, lsa
from samba.ndr import ndr_pack, ndr_unpack


def text(string):
    return string.string or ""


def groups(array):
    return [[g.rid, g.attributes] for g in array.rids or []] if array else []


def logon_info(info):
    base = info.info3.base
    resource = info.resource_groups
    return {
        "times": [
            base.logon_time,
            base.logoff_time,
            base.kickoff_time,
            base.last_password_change,
            base.allow_password_change,
            base.force_password_change,
        ],
        "strings": [
            text(s)
            for s in (
                base.account_name,
                base.full_name,
                base.logon_script,
                base.profile_path,
                base.home_directory,
                base.home_drive,
                base.logon_server,
                base.logon_domain,
            )
        ],
        "counts": [base.logon_count, base.bad_password_count],
        "rid": base.rid,
        "primary_gid": base.primary_gid,
        "groups": groups(base.groups),
        "user_flags": base.user_flags,
        "domain_sid": str(base.domain_sid),
        "acct_flags": base.acct_flags,
        "sids": [[str(s.sid), s.attributes] for s in info.info3.sids or []],
        "resource_sid": str(resource.domain_sid) if resource.domain_sid else None,
        "resource_groups": groups(resource.groups),
    }


def upn_dns_info(info):
    read = {"upn": info.upn_name, "dns": info.dns_domain_name, "flags": info.flags}
    if info.flags & krb5pac.PAC_UPN_DNS_FLAG_HAS_SAM_NAME_AND_SID:
        read["sam"] = info.ex.samaccountname
        read["sid"] = str(info.ex.objectsid)
    return read


def buffer(kind, info):
    if kind == krb5pac.PAC_TYPE_LOGON_INFO:
        return logon_info(info.info)
    if kind == krb5pac.PAC_TYPE_LOGON_NAME:
        return {"name": info.account_name, "time": info.logon_time}
    if kind == krb5pac.PAC_TYPE_UPN_DNS_INFO:
        return upn_dns_info(info)
    if kind == krb5pac.PAC_TYPE_CONSTRAINED_DELEGATION:
        services = info.info.transited_services or []
        return {"target": text(info.info.proxy_target), "services": [text(s) for s in services]}
    if kind == krb5pac.PAC_TYPE_ATTRIBUTES_INFO:
        return {"length": info.flags_length, "flags": info.flags}
    if kind == krb5pac.PAC_TYPE_REQUESTER_SID:
        return {"sid": str(info.sid)}
    if hasattr(info, "signature"):
        return {"type": info.type, "signature": bytes(info.signature).hex()}
    return None


def read():
    octets = sys.stdin.buffer.read()
    pac = ndr_unpack(krb5pac.PAC_DATA, octets)
    return {
        "version": pac.version,
        "types": [b.type for b in pac.buffers],
        "buffers": {str(b.type): buffer(b.type, b.info) for b in pac.buffers},
    }


def write():
    info = krb5pac.PAC_CONSTRAINED_DELEGATION()
    info.proxy_target = lsa.String()
    info.proxy_target.string = "ldap/dc.example.test"
    services = []
    for name in ("HTTP/web@EXAMPLE.TEST", "cifs/\u00e9@EXAMPLE.TEST"):
        service = lsa.String()
        service.string = name
        services.append(service)
    info.transited_services = services
    info.num_transited_services = len(services)
    container = krb5pac.PAC_CONSTRAINED_DELEGATION_CTR()
    container.info = info
    entry = krb5pac.PAC_BUFFER()
    entry.type = krb5pac.PAC_TYPE_CONSTRAINED_DELEGATION
    entry.info = container
    pac = krb5pac.PAC_DATA()
    pac.num_buffers = 1
    pac.version = 0
    pac.buffers = [entry]
    raw = ndr_unpack(krb5pac.PAC_DATA_RAW, ndr_pack(pac)).buffers[0]
    return bytes(raw.info.remaining)[: raw.ndr_size].hex()


if sys.argv[1] == "read":
    print(json.dumps(read()))
else:
    print(write())
