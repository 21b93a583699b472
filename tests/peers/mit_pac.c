/*
 * What MIT krb5's library says about a PAC, and PACs that it makes.
 *
 *   mit_pac pac    AUTHTIME CLIENT REALM SERVER KRBTGT   a PAC on standard input
 *   mit_pac ticket SERVICE SERVER KRBTGT                 a ticket on standard input
 *   mit_pac make   AUTHTIME CLIENT REALM SERVER KRBTGT   -> a PAC in hex
 *   mit_pac sign   SERVICE AUTHTIME CLIENT SERVER KRBTGT -> an EncTicketPart in hex
 *
 * REALM is 1 if CLIENT_INFO has the realm, else 0. A key is ENCTYPE:HEX, "-" for none. A good PAC
 * gives a line "TYPE HEX" for each buffer and then "ok"; anything else ends with a message.
 */
#include <krb5.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Exported, but in no installed header. */
krb5_error_code krb5_decrypt_tkt_part(krb5_context, const krb5_keyblock *, krb5_ticket *);
krb5_error_code encode_krb5_enc_tkt_part(const krb5_enc_tkt_part *, krb5_data **);

static krb5_context context;

static void check(krb5_error_code code, const char *what)
{
    if (code == 0)
        return;
    printf("%s: %s\n", what, krb5_get_error_message(context, code));
    exit(1);
}

static krb5_data input(void)
{
    static char octets[1 << 20];
    krb5_data data = { 0 };
    data.data = octets;
    data.length = (unsigned int)fread(octets, 1, sizeof(octets), stdin);
    return data;
}

static void hex(const void *octets, size_t length)
{
    size_t i;
    for (i = 0; i < length; i++)
        printf("%02x", ((const unsigned char *)octets)[i]);
    printf("\n");
}

static krb5_keyblock *key(const char *text)
{
    krb5_keyblock *block = calloc(1, sizeof(*block));
    const char *colon = strchr(text, ':');
    unsigned int octet;
    if (colon == NULL)
        return NULL;
    block->enctype = atoi(text);
    block->length = (unsigned int)strlen(++colon) / 2;
    block->contents = calloc(block->length, 1);
    for (unsigned int i = 0; i < block->length; i++) {
        sscanf(colon + 2 * i, "%2x", &octet);
        block->contents[i] = (krb5_octet)octet;
    }
    return block;
}

static krb5_principal name(const char *text)
{
    krb5_principal principal;
    check(krb5_parse_name(context, text, &principal), text);
    return principal;
}

static void show(krb5_pac pac)
{
    size_t count;
    krb5_ui_4 *types;
    krb5_data buffer;
    check(krb5_pac_get_types(context, pac, &count, &types), "krb5_pac_get_types");
    for (size_t i = 0; i < count; i++) {
        check(krb5_pac_get_buffer(context, pac, types[i], &buffer), "krb5_pac_get_buffer");
        printf("%u ", types[i]);
        hex(buffer.data, buffer.length);
    }
    printf("ok\n");
}

static void on_pac(char **argv)
{
    krb5_data data = input();
    krb5_pac pac;
    check(krb5_pac_parse(context, data.data, data.length, &pac), "krb5_pac_parse");
    check(krb5_pac_verify_ext(context, pac, atoi(argv[2]), name(argv[3]), key(argv[5]),
                              key(argv[6]), atoi(argv[4])),
          "krb5_pac_verify_ext");
    show(pac);
}

static void on_ticket(char **argv)
{
    krb5_data data = input();
    krb5_ticket *ticket;
    krb5_pac pac;
    check(krb5_decode_ticket(&data, &ticket), "krb5_decode_ticket");
    check(krb5_decrypt_tkt_part(context, key(argv[3]), ticket), "krb5_decrypt_tkt_part");
    check(krb5_kdc_verify_ticket(context, ticket->enc_part2, name(argv[2]), key(argv[3]),
                                 key(argv[4]), &pac),
          "krb5_kdc_verify_ticket");
    if (pac == NULL) {
        printf("no PAC\n");
        exit(1);
    }
    show(pac);
}

static void on_make(char **argv)
{
    krb5_data data;
    krb5_pac pac;
    check(krb5_pac_init(context, &pac), "krb5_pac_init");
    check(krb5_pac_sign_ext(context, pac, atoi(argv[2]), name(argv[3]), key(argv[5]),
                            key(argv[6]), atoi(argv[4]), &data),
          "krb5_pac_sign_ext");
    hex(data.data, data.length);
}

static void on_sign(char **argv)
{
    krb5_enc_tkt_part part;
    krb5_data *data;
    krb5_pac pac;
    memset(&part, 0, sizeof(part));
    part.flags = TKT_FLG_FORWARDABLE;
    part.session = key("18:0000000000000000000000000000000000000000000000000000000000000001");
    part.client = name(argv[4]);
    part.transited.tr_type = KRB5_DOMAIN_X500_COMPRESS;
    part.times.authtime = part.times.starttime = atoi(argv[3]);
    part.times.endtime = part.times.authtime + 3600;
    check(krb5_pac_init(context, &pac), "krb5_pac_init");
    check(krb5_kdc_sign_ticket(context, &part, pac, name(argv[2]), part.client, key(argv[5]),
                               key(argv[6]), 0),
          "krb5_kdc_sign_ticket");
    check(encode_krb5_enc_tkt_part(&part, &data), "encode_krb5_enc_tkt_part");
    hex(data->data, data->length);
}

int main(int argc, char **argv)
{
    check(krb5_init_context(&context), "krb5_init_context");
    if (argc == 7 && strcmp(argv[1], "pac") == 0)
        on_pac(argv);
    else if (argc == 5 && strcmp(argv[1], "ticket") == 0)
        on_ticket(argv);
    else if (argc == 7 && strcmp(argv[1], "make") == 0)
        on_make(argv);
    else if (argc == 7 && strcmp(argv[1], "sign") == 0)
        on_sign(argv);
    else
        return 2;
    return 0;
}
