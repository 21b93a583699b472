/*
 * One leg of a GSS exchange with channel bindings, by the system's GSS library.
 *
 *     gss_bindings init HOST-BASED-SERVICE APPLICATION-DATA > token
 *     gss_bindings accept APPLICATION-DATA < token
 *
 * Empty application data stands for no bindings at all. "accept" prints the major status without
 * its informational bits, and the flags, both in hexadecimal.
 */
#include <gssapi/gssapi.h>
#include <stdio.h>
#include <string.h>

static struct gss_channel_bindings_struct bindings;

static gss_channel_bindings_t bindings_of(char *data)
{
    bindings.application_data.value = data;
    bindings.application_data.length = strlen(data);
    return *data != '\0' ? &bindings : GSS_C_NO_CHANNEL_BINDINGS;
}

int main(int argc, char **argv)
{
    static char octets[1 << 16];
    gss_ctx_id_t context = GSS_C_NO_CONTEXT;
    gss_buffer_desc in, out = GSS_C_EMPTY_BUFFER;
    gss_name_t name = GSS_C_NO_NAME;
    OM_uint32 major, minor, flags = 0;

    if (argc == 4 && strcmp(argv[1], "init") == 0) {
        in.value = argv[2];
        in.length = strlen(argv[2]);
        major = gss_import_name(&minor, &in, GSS_C_NT_HOSTBASED_SERVICE, &name);
        if (GSS_ERROR(major))
            return 1;
        major = gss_init_sec_context(&minor, GSS_C_NO_CREDENTIAL, &context, name, GSS_C_NO_OID, 0,
                                     0, bindings_of(argv[3]), GSS_C_NO_BUFFER, NULL, &out, NULL,
                                     NULL);
        if (GSS_ERROR(major))
            return 1;
        return fwrite(out.value, 1, out.length, stdout) != out.length;
    }
    if (argc == 3 && strcmp(argv[1], "accept") == 0) {
        in.value = octets;
        in.length = fread(octets, 1, sizeof(octets), stdin);
        major = gss_accept_sec_context(&minor, &context, GSS_C_NO_CREDENTIAL, &in,
                                       bindings_of(argv[2]), &name, NULL, &out, &flags, NULL, NULL);
        printf("%x %x\n", major & 0xffff0000, flags);
        return 0;
    }
    return 2;
}
