/*
 * The other side of a GSS context, by MIT krb5's library, with its messages in several buffers.
 *
 *     gss_iov initiator HOST-BASED-SERVICE FLAGS    a client with the default credential cache
 *     gss_iov acceptor - -                          a service with the default keytab
 *
 * FLAGS is the number of the requested flags. Messages are frames on standard input and output:
 * four octets of length, then the octets. First come the context's tokens; then each frame asks
 * for something:
 *
 *     what, confidentiality (0 or 1), buffers: a letter, four octets of length, the octets
 *
 *     w u   gss_wrap_iov, gss_unwrap_iov             m v   gss_get_mic_iov, gss_verify_mic_iov
 *     a b   gss_wrap_aead, gss_unwrap_aead           W U   gss_wrap, gss_unwrap
 *           of two buffers: what is signed only and the payload, or the token
 *
 *     h header, d data, s sign only, p padding, t trailer, S stream, M MIC token
 *
 * The answer is `+`, whether it is confidential (0 or 1), and the buffers; or `-` and the major
 * status in hexadecimal. Buffers of h, p, t and M are the library's own when it wraps.
 */
#include <gssapi/gssapi.h>
#include <gssapi/gssapi_ext.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define BUFFERS 16

static gss_ctx_id_t context = GSS_C_NO_CONTEXT;

static int read_frame(gss_buffer_t out)
{
    unsigned char head[4];
    if (fread(head, 1, 4, stdin) != 4)
        return 0;
    out->length = (size_t)head[0] << 24 | head[1] << 16 | head[2] << 8 | head[3];
    out->value = malloc(out->length + 1);
    return out->value != NULL && fread(out->value, 1, out->length, stdin) == out->length;
}

static void put_length(size_t length)
{
    unsigned char head[4] = { length >> 24, length >> 16, length >> 8, length };
    fwrite(head, 1, 4, stdout);
}

static void write_frame(gss_buffer_t in)
{
    put_length(in->length);
    fwrite(in->value, 1, in->length, stdout);
    fflush(stdout);
}

static int establish(char **argv)
{
    gss_buffer_desc in = GSS_C_EMPTY_BUFFER, out, text;
    gss_name_t name = GSS_C_NO_NAME;
    OM_uint32 major, minor, flags = 0;
    int initiator = strcmp(argv[1], "initiator") == 0;
    if (initiator) {
        text.value = argv[2];
        text.length = strlen(argv[2]);
        if (GSS_ERROR(gss_import_name(&minor, &text, GSS_C_NT_HOSTBASED_SERVICE, &name)))
            return 0;
    } else if (!read_frame(&in))
        return 0;
    for (;;) {
        out.length = 0;
        out.value = "";
        if (initiator)
            major = gss_init_sec_context(&minor, GSS_C_NO_CREDENTIAL, &context, name, GSS_C_NO_OID,
                                         strtoul(argv[3], NULL, 0), 0, GSS_C_NO_CHANNEL_BINDINGS,
                                         &in, NULL, &out, &flags, NULL);
        else
            major = gss_accept_sec_context(&minor, &context, GSS_C_NO_CREDENTIAL, &in,
                                           GSS_C_NO_CHANNEL_BINDINGS, NULL, NULL, &out, &flags,
                                           NULL, NULL);
        if (GSS_ERROR(major)) {
            fprintf(stderr, "gss_iov: %08x %u\n", major, minor);
            return 0;
        }
        if (out.length > 0)
            write_frame(&out);
        if (!(major & GSS_S_CONTINUE_NEEDED))
            return 1;
        if (!read_frame(&in))
            return 0;
    }
}

static OM_uint32 type_of(char letter, int making)
{
    OM_uint32 own = making ? GSS_IOV_BUFFER_FLAG_ALLOCATE : 0;
    switch (letter) {
    case 'h': return GSS_IOV_BUFFER_TYPE_HEADER | own;
    case 'p': return GSS_IOV_BUFFER_TYPE_PADDING | own;
    case 't': return GSS_IOV_BUFFER_TYPE_TRAILER | own;
    case 'M': return GSS_IOV_BUFFER_TYPE_MIC_TOKEN | own;
    case 's': return GSS_IOV_BUFFER_TYPE_SIGN_ONLY;
    case 'S': return GSS_IOV_BUFFER_TYPE_STREAM;
    default: return GSS_IOV_BUFFER_TYPE_DATA;
    }
}

static int answer(gss_buffer_t asked)
{
    unsigned char *at = asked->value, *end = at + asked->length;
    gss_iov_buffer_desc iov[BUFFERS];
    char letters[BUFFERS];
    gss_buffer_desc out = GSS_C_EMPTY_BUFFER;
    OM_uint32 major, minor;
    int count = 0, state = 0, n;
    if (asked->length < 2)
        return 0;
    char what = *at++;
    int confidential = *at++;
    int making = strchr("wma", what) != NULL;
    memset(iov, 0, sizeof(iov));
    while (end - at >= 5 && count < BUFFERS) {
        size_t length = (size_t)at[1] << 24 | at[2] << 16 | at[3] << 8 | at[4];
        letters[count] = at[0];
        iov[count].type = type_of(at[0], making);
        at += 5;
        /* Of its own, so that a memory checker sees each end of it. */
        iov[count].buffer.length = length;
        iov[count].buffer.value = malloc(length + 1);
        memcpy(iov[count].buffer.value, at, length);
        at += length;
        count++;
    }
    switch (what) {
    case 'w':
        major = gss_wrap_iov(&minor, context, confidential, 0, &state, iov, count);
        break;
    case 'u':
        major = gss_unwrap_iov(&minor, context, &state, NULL, iov, count);
        break;
    case 'm':
        major = gss_get_mic_iov(&minor, context, 0, iov, count);
        break;
    case 'v':
        major = gss_verify_mic_iov(&minor, context, NULL, iov, count);
        break;
    case 'a':
        major = gss_wrap_aead(&minor, context, confidential, 0, &iov[0].buffer, &iov[1].buffer,
                              &state, &out);
        break;
    case 'b':
        major = gss_unwrap_aead(&minor, context, &iov[1].buffer, &iov[0].buffer, &out, &state,
                                NULL);
        break;
    case 'W':
        major = gss_wrap(&minor, context, confidential, 0, &iov[0].buffer, &state, &out);
        break;
    case 'U':
        major = gss_unwrap(&minor, context, &iov[0].buffer, &out, &state, NULL);
        break;
    default:
        return 0;
    }
    if (major != GSS_S_COMPLETE) {
        char text[32];
        int length = snprintf(text, sizeof(text), "-%08x", major);
        out.value = text;
        out.length = length;
        write_frame(&out);
        return 1;
    }
    if (strchr("abWU", what) != NULL) {
        count = 1;
        letters[0] = 'd';
        iov[0].buffer = out;
    }
    size_t total = 2;
    for (n = 0; n < count; n++)
        total += 5 + iov[n].buffer.length;
    put_length(total);
    fputc('+', stdout);
    fputc(state != 0, stdout);
    for (n = 0; n < count; n++) {
        fputc(letters[n], stdout);
        put_length(iov[n].buffer.length);
        fwrite(iov[n].buffer.value, 1, iov[n].buffer.length, stdout);
    }
    fflush(stdout);
    return 1;
}

int main(int argc, char **argv)
{
    gss_buffer_desc asked;
    if (argc != 4 || !establish(argv))
        return 2;
    while (read_frame(&asked) && asked.length > 0) {
        if (!answer(&asked))
            return 3;
        free(asked.value);
    }
    return 0;
}
