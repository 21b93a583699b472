/*
 * The other side of a session, by MIT krb5's library.
 *
 *   session_peer initiator SERVICE FLAGS LOCAL REMOTE    a client with the default credential cache
 *   session_peer acceptor SERVICE FLAGS LOCAL REMOTE     a service with the default keytab
 *
 * FLAGS is the number of the auth context's flags; LOCAL and REMOTE are addr-type:hexadecimal, or
 * `-` for none.
 * Messages are frames on standard input and output: four octets of length, then the octets. After
 * the AP exchange each frame asks for something by its first octet:
 *
 *   s p   make a KRB-SAFE, a KRB-PRIV of the rest        S P   read one: the user data
 *   c     make a KRB-CRED of the credentials for the service named by the rest
 *   C     read a KRB-CRED: lines `client server`
 *
 * The answer is a frame that begins with `+`, or `-` and the error's number in the protocol.
 */
#include <krb5/krb5.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static krb5_context context;
static krb5_auth_context auth;

static void die(const char *what, krb5_error_code code)
{
    fprintf(stderr, "session_peer: %s: %s\n", what, krb5_get_error_message(context, code));
    exit(2);
}

#define TRY(what) do { krb5_error_code e_ = (what); if (e_) die(#what, e_); } while (0)

static int read_frame(krb5_data *out)
{
    unsigned char head[4];
    if (fread(head, 1, 4, stdin) != 4)
        return 0;
    out->length = (unsigned)head[0] << 24 | head[1] << 16 | head[2] << 8 | head[3];
    out->data = malloc(out->length + 1);
    if (out->data == NULL || fread(out->data, 1, out->length, stdin) != out->length)
        return 0;
    out->data[out->length] = 0;
    return 1;
}

static void write_frame(char kind, const char *octets, unsigned length)
{
    unsigned all = length + (kind != 0);
    unsigned char head[4] = { all >> 24, all >> 16, all >> 8, all };
    fwrite(head, 1, 4, stdout);
    if (kind)
        fputc(kind, stdout);
    fwrite(octets, 1, length, stdout);
    fflush(stdout);
}

static krb5_address *address(char *text)
{
    krb5_address *out;
    char *colon = strchr(text, ':');
    if (colon == NULL)
        return NULL;
    out = calloc(1, sizeof(*out));
    out->magic = KV5M_ADDRESS;
    out->addrtype = atoi(text);
    out->length = strlen(colon + 1) / 2;
    out->contents = calloc(1, out->length + 1);
    for (unsigned n = 0; n < out->length; n++) {
        unsigned octet;
        sscanf(colon + 1 + 2 * n, "%2x", &octet);
        out->contents[n] = octet;
    }
    return out;
}

static krb5_error_code from_cache(const char *name, krb5_creds **out)
{
    krb5_ccache cache;
    krb5_creds want;
    memset(&want, 0, sizeof(want));
    TRY(krb5_cc_default(context, &cache));
    TRY(krb5_cc_get_principal(context, cache, &want.client));
    TRY(krb5_parse_name(context, name, &want.server));
    return krb5_get_credentials(context, KRB5_GC_CACHED, cache, &want, out);
}

static krb5_error_code answer(krb5_data *asked, krb5_data *out)
{
    krb5_data rest = { KV5M_DATA, asked->length - 1, asked->data + 1 };
    krb5_replay_data replay;
    krb5_creds *one, **all, **each;
    krb5_error_code code;
    char *text, *client, *server;
    size_t length;
    FILE *file;
    switch (asked->data[0]) {
    case 's': return krb5_mk_safe(context, auth, &rest, out, &replay);
    case 'p': return krb5_mk_priv(context, auth, &rest, out, &replay);
    case 'S': return krb5_rd_safe(context, auth, &rest, out, &replay);
    case 'P': return krb5_rd_priv(context, auth, &rest, out, &replay);
    case 'c':
        code = from_cache(rest.data, &one);
        if (code)
            return code;
        {
            krb5_data *der;
            code = krb5_mk_1cred(context, auth, one, &der, &replay);
            if (!code)
                *out = *der;
            return code;
        }
    case 'C':
        code = krb5_rd_cred(context, auth, &rest, &all, &replay);
        if (code)
            return code;
        file = open_memstream(&text, &length);
        for (each = all; *each != NULL; each++) {
            TRY(krb5_unparse_name(context, (*each)->client, &client));
            TRY(krb5_unparse_name(context, (*each)->server, &server));
            fprintf(file, "%s %s\n", client, server);
        }
        fclose(file);
        out->data = text;
        out->length = length;
        return 0;
    }
    return KRB5KRB_AP_ERR_MSG_TYPE;
}

int main(int argc, char **argv)
{
    krb5_data in, out, empty = { KV5M_DATA, 0, "" };
    if (argc != 6)
        return 2;
    TRY(krb5_init_context(&context));
    TRY(krb5_auth_con_init(context, &auth));
    TRY(krb5_auth_con_setflags(context, auth, atoi(argv[3])));
    TRY(krb5_auth_con_setaddrs(context, auth, address(argv[4]), address(argv[5])));
    if (strcmp(argv[1], "initiator") == 0) {
        krb5_creds *creds;
        krb5_ap_rep_enc_part *part;
        TRY(from_cache(argv[2], &creds));
        TRY(krb5_mk_req_extended(context, &auth, AP_OPTS_MUTUAL_REQUIRED | AP_OPTS_USE_SUBKEY,
                                 &empty, creds, &out));
        write_frame(0, out.data, out.length);
        if (!read_frame(&in))
            return 2;
        TRY(krb5_rd_rep(context, auth, &in, &part));
    } else {
        krb5_principal server;
        krb5_keytab keytab;
        krb5_flags options;
        krb5_ticket *ticket;
        TRY(krb5_parse_name(context, argv[2], &server));
        TRY(krb5_kt_default(context, &keytab));
        if (!read_frame(&in))
            return 2;
        TRY(krb5_rd_req(context, &auth, &in, server, keytab, &options, &ticket));
        TRY(krb5_mk_rep(context, auth, &out));
        write_frame(0, out.data, out.length);
    }
    while (read_frame(&in) && in.length > 0) {
        krb5_error_code code = answer(&in, &out);
        if (code) {
            char text[32];
            int length = snprintf(text, sizeof(text), "%ld",
                                  (long)(code - ERROR_TABLE_BASE_krb5));
            write_frame('-', text, length);
        } else {
            write_frame('+', out.data, out.length);
        }
    }
    return 0;
}
