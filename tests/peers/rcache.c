/* Stores tags in a replay cache of MIT krb5, as its acceptor does.
 *
 *   rcache TYPE:NAME < tags
 *
 * A tag is a line of 24 hexadecimal digits. It becomes the end of an authenticator's cipher text
 * of enctype 18. For each there is a line: fresh, replay, or the number of an error. */

#include <krb5.h>
#include <stdio.h>
#include <string.h>

typedef struct k5_rc_st *k5_rcache;
krb5_error_code k5_rc_resolve(krb5_context, const char *, k5_rcache *);
krb5_error_code k5_rc_store(krb5_context, k5_rcache, const krb5_enc_data *);

int main(int argc, char **argv)
{
    krb5_context context;
    k5_rcache cache;
    krb5_enc_data sealed;
    unsigned char octets[60] = { 0 };
    char line[64];

    if (argc != 2 || krb5_init_context(&context) != 0 ||
        k5_rc_resolve(context, argv[1], &cache) != 0)
        return 1;
    memset(&sealed, 0, sizeof(sealed));
    sealed.enctype = 18;
    sealed.ciphertext.length = sizeof(octets);
    sealed.ciphertext.data = (char *)octets;
    while (fgets(line, sizeof(line), stdin) != NULL) {
        krb5_error_code code;
        unsigned int i, octet;

        for (i = 0; i < 12; i++) {
            if (sscanf(line + 2 * i, "%2x", &octet) != 1)
                return 2;
            octets[sizeof(octets) - 12 + i] = octet;
        }
        code = k5_rc_store(context, cache, &sealed);
        if (code == 0)
            printf("fresh\n");
        else if (code == KRB5KRB_AP_ERR_REPEAT)
            printf("replay\n");
        else
            printf("%d\n", (int)code);
    }
    return 0;
}
