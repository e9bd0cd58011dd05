# git clone of a local repository over a pipe (upload-pack, index-pack with threads), then fsck, gc, grep and push.
set -e
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
export HOME=$folder GIT_CONFIG_NOSYSTEM=1 GIT_AUTHOR_DATE="2020-01-01T00:00:00Z" GIT_COMMITTER_DATE="2020-01-01T00:00:00Z"
git config --global user.name "A Name"
git config --global user.email "name@example.org"
git config --global init.defaultBranch main
git config --global pack.threads 4
git config --global grep.threads 4
git config --global index.threads 4
git init -q origin
cd origin
for commit in 1 2 3 4 5; do
    for file in $(seq 1 60); do
        seq $commit $((commit * file + 200)) >"file_$file"
    done
    git add .
    git commit -q -m "commit $commit"
done
cd ..
git clone -q "file://$folder/origin" copy
git clone -q --bare origin bare.git
cd copy
git rev-parse HEAD
git log --oneline | wc -l
git fsck --full --strict
git gc -q --aggressive --prune=now
git grep -l '^205$' | wc -l
echo more >more
git add more
git commit -q -m more
git push -q ../bare.git main
git -C ../bare.git log -1 --format=%s
git status --short | wc -l
