# ssh-keygen: keys are made, shown, signed with and checked.
set -e
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
for kind in ed25519 ecdsa rsa; do
    ssh-keygen -q -t $kind -N "" -C "a key" -f key_$kind
    ssh-keygen -y -f key_$kind >public
    cut -d' ' -f1,2 key_$kind.pub | cmp - <(cut -d' ' -f1,2 public) && echo "$kind: the public part agrees"
    ssh-keygen -l -f key_$kind.pub | sed 's/SHA256:[^ ]*/SHA256:.../'
done
ssh-keygen -q -p -P "" -N "a phrase" -f key_ed25519
echo "some text" >text
ssh-keygen -q -Y sign -f key_ecdsa -n file text
echo "me $(cat key_ecdsa.pub)" >allowed
ssh-keygen -Y verify -f allowed -I me -n file -s text.sig <text | sed 's/SHA256:[^ ]*/SHA256:.../'
