"""Maps principals to local names with MIT krb5's library.

Reads JSON from standard input: the realm, and a list of cases, each with `rules`, the values of
auth_to_local, `names`, the entries of auth_to_local_names, and `principals`. Prints for each case a
list: the local name, null if no rule applies, or the number of the error.
"""

import ctypes
import json
import os
import sys
import tempfile

krb5 = ctypes.CDLL("libkrb5.so.3")
krb5.krb5_free_context.restype = None
krb5.krb5_free_principal.restype = None
# KRB5_LNAME_NOTRANS: no rule applies.
NOTRANS = -1765328208


def mapped(context, name):
    principal = ctypes.c_void_p()
    code = krb5.krb5_parse_name(context, name.encode(), ctypes.byref(principal))
    if code != 0:
        raise ValueError(f"{name}: {code}")
    local = ctypes.create_string_buffer(1024)
    code = krb5.krb5_aname_to_localname(context, principal, len(local), local)
    krb5.krb5_free_principal(context, principal)
    if code == 0:
        return local.value.decode()
    return None if code == NOTRANS else code


def case(realm, rules, names, principals):
    lines = ["[libdefaults]", f"    default_realm = {realm}", "[realms]", f"    {realm} = {{"]
    if names:
        lines.append("        auth_to_local_names = {")
        lines += [f"            {name} = {local}" for name, local in names]
        lines.append("        }")
    lines += [f"        auth_to_local = {rule}" for rule in rules]
    lines += ["    }", ""]
    with tempfile.NamedTemporaryFile("w", suffix=".conf") as conf:
        conf.write("\n".join(lines))
        conf.flush()
        os.environ["KRB5_CONFIG"] = conf.name
        context = ctypes.c_void_p()
        code = krb5.krb5_init_context(ctypes.byref(context))
        if code != 0:
            raise ValueError(f"{rules}: {code}")
        found = [mapped(context, name) for name in principals]
        krb5.krb5_free_context(context)
        return found


asked = json.load(sys.stdin)
json.dump([case(asked["realm"], **one) for one in asked["cases"]], sys.stdout)
