"""Generates repositories with 50 keys, each in a different place, and one repository without keys.

The keys are well-formed, but no server knows them, like those of corpus/.
"""

import os
import shutil
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE / "corpus"))
import make  # noqa: E402

NEAR_MISSES = 50


class Repository:
    """A new git repository that ignores the machine's git configuration."""

    environment = {name: value for name, value in os.environ.items() if not name.startswith("GIT_")}
    environment |= {"GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_NOSYSTEM": "1"}
    environment |= {f"GIT_{who}_NAME": "A" for who in ("AUTHOR", "COMMITTER")}
    environment |= {f"GIT_{who}_EMAIL": "a@example.com" for who in ("AUTHOR", "COMMITTER")}
    environment |= {f"GIT_{who}_DATE": "1700000000 +0000" for who in ("AUTHOR", "COMMITTER")}

    def __init__(self, folder, *options):
        self.folder = folder
        folder.mkdir(parents=True)
        self.git("init", "-q", "-b", "main", *options)

    def git(self, *arguments, input=None, **variables):
        command = ["git", "-c", "protocol.file.allow=always", "-c", "advice.graftFileDeprecated=false", *arguments]
        environment = self.environment | variables
        done = subprocess.run(command, cwd=self.folder, env=environment, input=input, capture_output=True, check=False)
        if done.returncode:
            raise RuntimeError(f"{' '.join(command)}: {done.stderr.decode(errors='replace')}")
        return done.stdout.decode().strip()

    def write(self, path, content):
        path = self.folder / path
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content.encode() if isinstance(content, str) else content)

    def commit(self, message="change", **variables):
        self.git("add", "-A")
        self.git("commit", "-q", "--allow-empty", "-m", message, **variables)
        return self.git("rev-parse", "HEAD")

    def forget_logs(self):
        self.git("reflog", "expire", "--expire=now", "--all")


class Places:
    """The repositories below a folder. `places` maps each key to a description of its place."""

    def __init__(self, folder):
        self.folder, self.places = folder, {}
        shutil.rmtree(folder, ignore_errors=True)
        for make_one in (self.files, self.history, self.unreached, self.hidden, self.others):
            make_one()

    def repositories(self):
        """Returns the repositories with a worktree, and all repositories."""
        folders = sorted(self.folder.iterdir())
        worktrees = [path for path in folders if (path / ".git").exists()]
        return worktrees, worktrees + [path for path in folders if (path / "HEAD").exists()]

    def key(self, place):
        key = make.key(f"place, {place}")
        self.places[key] = place
        return key

    def text(self, place):
        return f'client = Client("{self.key(place)}")\n'

    def files(self):
        """Puts keys into the files of a worktree."""
        repository = Repository(self.folder / "files")
        repository.write(".gitignore", ".env\n.env.production\nvendor/\n")
        repository.write("sub/.gitignore", "*.local\n")
        repository.commit()
        write, text = repository.write, self.text
        write("tracked.py", text("file that git tracks"))
        write(".env.production", text("tracked file that .gitignore names"))
        write("vendor/client.py", text("tracked file in a folder that .gitignore names"))
        write(".ignore", "hidden.py\n")
        write("hidden.py", text("tracked file that .ignore names"))
        repository.git("add", "-f", ".env.production", "vendor/client.py")
        write(".config/tool/settings", text("hidden folder"))
        write("little.txt", b"\xff\xfe" + text("UTF-16, low byte first").encode("utf-16-le"))
        write("big.txt", text("UTF-16, high byte first, no mark").encode("utf-16-be"))
        write("image.png", b"\x89PNG\r\n\x1a\n\0\0\0" + self.key("binary file").encode() + bytes(range(256)))
        write("latin.py", f"# für\n{text('Latin-1')}".encode("latin-1"))
        write("windows.txt", f"a = 1\r\nkey = {self.key('lines that end in CR LF')}\r\nb = 2\r\n")
        write("start.txt", self.key("first bytes of a file") + " is it\n")
        write("end.txt", "it is " + self.key("last bytes of a file"))
        write("bundle.js", "var a=1;" * 125_000 + text("line of a megabyte"))
        write("large.sql", "insert into t values (1);\n" * 800_000 + text("file of 20 MB"))
        write("package-lock.json", f'{{"resolved": "https://r.example/a?key={self.key("lock file")}"}}\n')
        write("glued.py", f"backupkey{self.key('between letters')}_old\n")
        (repository.folder / "link").symlink_to(f"/run/{self.key('text of a symbolic link')}")
        write(f"{self.key('name of a file')}.txt", "nothing\n")
        write(f"{self.key('name of a folder')}/nothing.txt", "nothing\n")
        repository.commit()
        write("new.py", text("untracked file"))
        write(".env", f"MEMORYKIT_API_KEY={self.key('untracked .env that .gitignore names')}\n")
        write("sub/settings.local", text("untracked file that .gitignore of its folder names"))
        write("notes.txt", text("untracked file that .git/info/exclude names"))
        write(".git/info/exclude", "notes.txt\n")
        write("scratch.txt", text("untracked file that core.excludesFile names"))
        write(".git/global", "scratch.txt\n")
        repository.git("config", "core.excludesFile", str(repository.folder / ".git/global"))

    def history(self):
        """Puts keys into objects that refs reach."""
        repository = Repository(self.folder / "history")
        write, commit, git = repository.write, repository.commit, repository.git
        lines = "".join(f"line {number}\n" for number in range(20_000))
        write("long.txt", lines + self.text("older version in a pack"))
        write("kind", "text\n")
        commit()
        write("long.txt", lines)
        write("gone.py", self.text("file that was deleted"))
        commit()
        (repository.folder / "gone.py").unlink()
        commit(f"do not use {self.key('message of a commit')}")
        commit(GIT_AUTHOR_NAME=self.key("name of an author"))
        git("tag", "-a", "-m", f"with {self.key('annotated tag')}", "v1")
        blob = git("hash-object", "-w", "--stdin", input=self.text("tag of a file").encode())
        git("tag", "blob", blob)
        git("notes", "add", "-m", f"see {self.key('note')}")
        (repository.folder / "kind").unlink()
        (repository.folder / "kind").symlink_to(f"/run/{self.key('file that became a symbolic link')}")
        commit()
        git("checkout", "-q", "-b", "side", "HEAD~")
        write("side.py", "side\n")
        commit()
        git("checkout", "-q", "main")
        git("merge", "-q", "--no-commit", "side")
        write("merged.py", self.text("merge alone"))
        commit("merge")
        (repository.folder / "merged.py").unlink()
        commit()
        git("checkout", "-q", "--orphan", "pages")
        write("page.html", self.text("remote branch"))
        commit()
        git("update-ref", "refs/remotes/origin/topic", "HEAD")
        git("checkout", "-q", "main")
        git("branch", "-q", "-D", "pages")
        git("branch", "-q", f"try-{self.key('name of a branch')}")
        git("repack", "-q", "-a", "-d")
        write("side.py", self.text("stash"))
        write("new.py", self.text("untracked file in a stash"))
        git("stash", "push", "-q", "--include-untracked")

    def unreached(self):
        """Puts keys into objects that no ref reaches."""
        repository = Repository(self.folder / "unreached")
        write, commit, git = repository.write, repository.commit, repository.git
        write("a.py", "a\n")
        commit()
        write("a.py", self.text("dropped stash"))
        git("stash", "push", "-q")
        git("stash", "drop", "-q")
        write("b.py", self.text("amended commit"))
        commit()
        write("b.py", "b\n")
        git("add", "-A")
        git("commit", "-q", "--amend", "-m", "amended")
        git("checkout", "-q", "-b", "topic")
        write("c.py", self.text("deleted branch"))
        commit()
        git("checkout", "-q", "main")
        git("branch", "-q", "-D", "topic")
        repository.forget_logs()
        git("hash-object", "-w", "--stdin", input=self.text("file that no commit has").encode())
        write("d.py", self.text("index alone"))
        git("add", "d.py")
        (repository.folder / "d.py").unlink()
        log = f"merge {self.key('log of a ref')}"
        git("update-ref", "--create-reflog", "-m", log, "refs/heads/logged", "HEAD")
        linked = self.folder / "unreached-linked"
        git("worktree", "add", "-q", "-b", "linked", str(linked))
        (linked / "e.py").write_text(self.text("index of a linked worktree"))
        git("-C", str(linked), "add", "e.py")
        (linked / "e.py").unlink()

    def hidden(self):
        """Hides keys from most git commands, with replace refs and grafts."""
        repository = Repository(self.folder / "hidden")
        write, commit, git = repository.write, repository.commit, repository.git
        write("a.py", self.text("commit before a graft"))
        commit()
        write("a.py", "a\n")
        graft = commit()
        write("b.py", self.text("replaced file"))
        commit()
        original = git("rev-parse", "HEAD:b.py")
        git("replace", original, git("hash-object", "-w", "--stdin", input=b"b\n"))
        (repository.folder / "b.py").unlink()
        commit()
        write(".git/info/grafts", f"{graft}\n")

    def others(self):
        """Puts keys into repositories of other kinds."""
        sha256 = Repository(self.folder / "sha256", "--object-format=sha256")
        sha256.write("a.py", self.text("repository with SHA-256"))
        sha256.commit()
        (sha256.folder / "a.py").unlink()
        sha256.commit()
        # `repositories` does not return these. Other repositories use their objects or are cloned from them.
        sources = self.folder / "sources"
        module = Repository(sources / "module")
        module.write("m.py", self.text("files of a submodule"))
        module.commit()
        parent = Repository(self.folder / "submodule")
        parent.git("submodule", "--quiet", "add", str(module.folder), "module")
        parent.commit()
        lender = Repository(sources / "lender")
        lender.write("l.py", self.text("borrowed objects"))
        lender.commit()
        lender.git("rm", "-q", "l.py")
        lender.commit()
        lender.git("clone", "-q", "--shared", str(lender.folder), str(self.folder / "borrower"))
        bare = Repository(sources / "bare")
        bare.write("b.py", self.text("bare repository"))
        bare.commit()
        bare.git("clone", "-q", "--bare", str(bare.folder), str(self.folder / "bare.git"))


def traps(folder):
    """Generates a repository with texts that are not keys. Returns the number of its files."""
    shutil.rmtree(folder, ignore_errors=True)
    repository = Repository(folder)
    shutil.copytree(HERE / "corpus/traps", folder / "traps")
    for number in range(NEAR_MISSES):
        repository.write(f"traps/near-miss-{number}.py", f'client = Client("{near_miss(number)}")\n')
    repository.commit()
    return sum(path.is_file() for path in (folder / "traps").rglob("*"))


def near_miss(number):
    """Returns a key with one character changed, at an index that depends on the number. It keeps the shape of a key."""
    key = make.key(f"near miss, {number}")
    index = 4 + number % 48
    # These digits may also begin a checksum.
    other = next(digit for digit in "0123" if digit != key[index])
    return key[:index] + other + key[index + 1:]
