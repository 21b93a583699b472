/*
 * What MIT krb5 says about a ticket of ours: accepts it as the service does, then verifies the
 * PAC's signatures with the keys of the service and of the realm.
 *
 *     pac_verify SERVICE SERVICE_KEYTAB KRBTGT KRBTGT_KEYTAB
 *
 * The ticket is taken from the credential cache, or asked for.
 */
#include <krb5.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static krb5_context context;

static void check(krb5_error_code code, const char *what)
{
    if (code != 0) {
        const char *text = krb5_get_error_message(context, code);
        printf("%s: %s\n", what, text);
        exit(1);
    }
}

static void key_of(const char *keytab_name, krb5_principal principal, krb5_kvno kvno,
                   krb5_enctype enctype, krb5_keyblock *key)
{
    krb5_keytab keytab;
    krb5_keytab_entry entry;

    check(krb5_kt_resolve(context, keytab_name, &keytab), "keytab");
    check(krb5_kt_get_entry(context, keytab, principal, kvno, enctype, &entry), "keytab entry");
    check(krb5_copy_keyblock_contents(context, &entry.key, key), "copy");
    krb5_kt_close(context, keytab);
}

int main(int argc, char **argv)
{
    krb5_principal service, krbtgt, client;
    krb5_ccache cache;
    krb5_creds wanted, *credentials;
    krb5_auth_context initiator = NULL, acceptor = NULL;
    krb5_data request;
    krb5_keytab keytab;
    krb5_ticket *ticket;
    krb5_keyblock service_key, krbtgt_key;
    krb5_authdata **found = NULL;
    krb5_pac pac, again;
    krb5_ui_4 *types;
    size_t count, n;

    if (argc != 5)
        return 2;
    check(krb5_init_context(&context), "context");
    check(krb5_parse_name(context, argv[1], &service), "service");
    check(krb5_parse_name(context, argv[3], &krbtgt), "krbtgt");
    check(krb5_cc_default(context, &cache), "cache");
    check(krb5_cc_get_principal(context, cache, &client), "client");
    memset(&wanted, 0, sizeof(wanted));
    wanted.client = client;
    wanted.server = service;
    check(krb5_get_credentials(context, 0, cache, &wanted, &credentials), "credentials");
    check(krb5_mk_req_extended(context, &initiator, AP_OPTS_MUTUAL_REQUIRED | AP_OPTS_USE_SUBKEY,
                               NULL, credentials, &request), "mk_req");
    check(krb5_kt_resolve(context, argv[2], &keytab), "service keytab");
    check(krb5_rd_req(context, &acceptor, &request, service, keytab, NULL, &ticket), "rd_req");

    key_of(argv[2], service, ticket->enc_part.kvno, ticket->enc_part.enctype, &service_key);
    key_of(argv[4], krbtgt, 0, 0, &krbtgt_key);

    check(krb5_find_authdata(context, ticket->enc_part2->authorization_data, NULL,
                             KRB5_AUTHDATA_WIN2K_PAC, &found), "find_authdata");
    if (found == NULL || found[0] == NULL) {
        printf("no PAC\n");
        return 0;
    }
    check(krb5_pac_parse(context, found[0]->contents, found[0]->length, &pac), "pac_parse");
    check(krb5_pac_verify(context, pac, ticket->enc_part2->times.authtime,
                          ticket->enc_part2->client, &service_key, &krbtgt_key), "pac_verify");
    printf("server and KDC signature: valid\n");
    check(krb5_kdc_verify_ticket(context, ticket->enc_part2, service, &service_key, &krbtgt_key,
                                 &again), "kdc_verify_ticket");
    printf("ticket signature: valid\n");
    check(krb5_pac_get_types(context, pac, &count, &types), "types");
    printf("types:");
    for (n = 0; n < count; n++)
        printf(" %u", (unsigned)types[n]);
    printf("\n");
    return 0;
}
