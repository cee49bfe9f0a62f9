#include <atomic>
#include <chrono>
#include <fstream>
#include <string>
#include <thread>

#include <unistd.h>

#include <jobs/input_policy.hpp>
#include <sys/stat.h>

#include <base/file.hpp>
#include <support/catch.hpp>
#include <support/substring.hpp>
#include <support/temp_folder.hpp>

using namespace sg;
using namespace sg::jobs;

namespace {

namespace fs = std::filesystem;

struct Roots {
    test::TempFolder folder;
    fs::path media = folder.path() / "media";
    fs::path out = folder.path() / "out";
    fs::path secret = folder.path() / "secret";
    AllowedRoots roots = open();

    AllowedRoots open() const {
        fs::create_directories(media / "films");
        fs::create_directories(out);
        fs::create_directories(secret);
        std::ofstream(media / "films/a.mov") << "film";
        std::ofstream(secret / "key") << "key";
        auto opened = AllowedRoots::open({media, out});
        REQUIRE(opened);
        return std::move(*opened);
    }
    [[nodiscard]] std::string refused(const fs::path& path, Errc code) const {
        const auto fd = roots.open_input(path);
        INFO(path);
        REQUIRE_FALSE(fd);
        INFO(fd.error().message);
        CHECK(fd.error().code == code);
        CHECK_FALSE(roots.check_input(path));
        return fd.error().message;
    }
    [[nodiscard]] std::string out_refused(const fs::path& path, Errc code) const {
        const auto checked = roots.check_output(path);
        const auto made = roots.open_output(path);
        INFO(path);
        REQUIRE_FALSE(checked);
        REQUIRE_FALSE(made);
        CHECK(checked.error().code == code);
        CHECK(made.error().code == code);
        return made.error().message;
    }
};

}  // namespace

TEST_CASE_METHOD(Roots, "a file below an allowed folder is opened") {
    const auto fd = roots.open_input(media / "films/a.mov");
    REQUIRE(fd);
    char text[8] = {};
    CHECK(::read(fd->get(), text, sizeof text) == 4);
    CHECK(std::string(text) == "film");
    CHECK(roots.check_input(media / "films/a.mov"));
    CHECK(roots.check_input(media / "./films//a.mov"));
}

TEST_CASE_METHOD(Roots, "paths out of the allowed folders are refused, with the rule that does") {
    CHECK(refused(secret / "key", Errc::kPermission).find("none of the allowed folders") !=
          std::string::npos);
    CHECK(refused("/etc/passwd", Errc::kPermission).find(media.string()) != std::string::npos);
    static_cast<void>(refused(media.string() + "-other/x", Errc::kPermission));
    CHECK(refused(media / "../secret/key", Errc::kInvalidArgument).find("\"..\"") !=
          std::string::npos);
    static_cast<void>(refused(media / "films/../films/a.mov", Errc::kInvalidArgument));
    static_cast<void>(refused("films/a.mov", Errc::kInvalidArgument));
    static_cast<void>(refused("", Errc::kInvalidArgument));
    static_cast<void>(refused(std::string(5000, 'x'), Errc::kInvalidArgument));
    static_cast<void>(refused("/" + std::string(5000, 'x'), Errc::kInvalidArgument));
    static_cast<void>(
        refused(media.string() + std::string("/films/a.mov\0/x", 15), Errc::kInvalidArgument));
    static_cast<void>(refused(media / "none.mov", Errc::kNotFound));
}

TEST_CASE_METHOD(Roots, "links may lead within an allowed folder and not out of it") {
    fs::create_symlink("a.mov", media / "films/same");
    fs::create_symlink("../films", media / "films/folder");
    CHECK(roots.open_input(media / "films/same"));
    CHECK(roots.open_input(media / "films/folder/a.mov"));
    fs::create_symlink(secret / "key", media / "absolute");
    fs::create_symlink("../secret/key", media / "relative");
    fs::create_symlink(secret, media / "to-folder");
    fs::create_symlink("/proc/self/root/etc/passwd", media / "magic");
    fs::create_symlink("loop", media / "loop");
    for (const auto* name : {"absolute", "relative", "to-folder/key", "magic", "loop"})
        CHECK(refused(media / name, Errc::kPermission).find("a link on the way") !=
              std::string::npos);
}

TEST_CASE_METHOD(Roots, "only regular files are inputs") {
    REQUIRE(::mkfifo((media / "pipe").c_str(), 0600) == 0);
    CHECK(refused(media / "pipe", Errc::kInvalidArgument).find("a named pipe") !=
          std::string::npos);
    CHECK(refused(media / "films", Errc::kInvalidArgument).find("a folder") != std::string::npos);
    CHECK(refused(media, Errc::kInvalidArgument).find("a folder") != std::string::npos);
    CHECK(refused(media / "films/a.mov/x", Errc::kInvalidArgument).find("not a folder") !=
          std::string::npos);
    const auto devices = AllowedRoots::open({"/dev"});
    REQUIRE(devices);
    const auto fd = devices->open_input("/dev/null");
    REQUIRE_FALSE(fd);
    CHECK(fd.error().message.find("a device") != std::string::npos);
}

TEST_CASE("the service's own folder is closed below a root, also by links") {
    Roots f;
    const auto own = f.media / "service";
    fs::create_directories(own / "uploads");
    std::ofstream(own / "uploads/upl_1") << "another owner's";
    fs::create_directory_symlink("service", f.media / "link");
    fs::create_directory_symlink(own, f.folder.path() / "data");
    auto opened = AllowedRoots::open({f.media}, f.folder.path() / "data");
    REQUIRE(opened);
    f.roots = std::move(*opened);
    CHECK(f.roots.open_input(f.media / "films/a.mov"));
    CHECK(f.refused(own / "uploads/upl_1", Errc::kPermission).find("own folder") !=
          std::string::npos);
    static_cast<void>(f.refused(f.media / "link/uploads/upl_1", Errc::kPermission));
    static_cast<void>(f.out_refused(own / "outputs/x", Errc::kPermission));
    static_cast<void>(f.out_refused(own, Errc::kPermission));
    CHECK(f.roots.check_output(f.media / "service2"));
    // A folder in it that is a root itself is meant.
    const auto inside = AllowedRoots::open({f.media, own / "uploads"}, own);
    REQUIRE(inside);
    CHECK(inside->open_input(own / "uploads/upl_1"));
}

TEST_CASE("without allowed folders no local path is taken, and roots must be there") {
    const auto none = AllowedRoots::open({});
    REQUIRE(none);
    CHECK(none->empty());
    const auto fd = none->open_input("/etc/passwd");
    REQUIRE_FALSE(fd);
    CHECK(fd.error().code == Errc::kPermission);
    CHECK_FALSE(AllowedRoots::open({"relative"}));
    CHECK_FALSE(AllowedRoots::open({"/no/such/folder"}));
    CHECK_FALSE(AllowedRoots::open({"/etc/passwd"}));
}

TEST_CASE("a root that is a link is followed once, when it is opened") {
    const test::TempFolder folder;
    fs::create_directories(folder.path() / "real");
    fs::create_directories(folder.path() / "other");
    std::ofstream(folder.path() / "real/a") << "real";
    std::ofstream(folder.path() / "other/a") << "other";
    fs::create_directory_symlink("real", folder.path() / "link");
    const auto roots = AllowedRoots::open({folder.path() / "link/"});
    REQUIRE(roots);
    fs::remove(folder.path() / "link");
    fs::create_directory_symlink("other", folder.path() / "link");
    const auto fd = roots->open_input(folder.path() / "link/a");
    REQUIRE(fd);
    CHECK(read_file("/proc/self/fd/" + std::to_string(fd->get()), 100).value() == "real");
    CHECK(roots->check_input(folder.path() / "real/a"));
}

TEST_CASE_METHOD(Roots, "an output folder is made below an allowed one") {
    CHECK(roots.check_output(out / "a/b/c"));
    CHECK_FALSE(fs::exists(out / "a"));
    const auto made = roots.open_output(out / "a/b/c");
    REQUIRE(made);
    CHECK(fs::is_directory(out / "a/b/c"));
    CHECK(made->path == fs::canonical(out / "a/b/c"));
    CHECK(made->still_there());
    CHECK(roots.check_output(out / "a/b/c"));
    fs::rename(out / "a/b/c", out / "moved");
    CHECK_FALSE(made->still_there());
    fs::create_directory_symlink(secret, out / "a/b/c");
    CHECK_FALSE(made->still_there());
}

TEST_CASE_METHOD(Roots, "an output folder is no way out") {
    fs::create_directory_symlink(secret, out / "link");
    fs::create_directory_symlink("../secret", out / "relative");
    std::ofstream(out / "file") << "x";
    static_cast<void>(out_refused(out / "link", Errc::kPermission));
    static_cast<void>(out_refused(out / "link/new", Errc::kPermission));
    static_cast<void>(out_refused(out / "relative/new", Errc::kPermission));
    static_cast<void>(out_refused(secret / "new", Errc::kPermission));
    static_cast<void>(out_refused(out / "../secret/new", Errc::kInvalidArgument));
    static_cast<void>(out_refused(out / "file", Errc::kInvalidArgument));
    static_cast<void>(out_refused(out / "file/new", Errc::kInvalidArgument));
    static_cast<void>(out_refused(out, Errc::kInvalidArgument));
    CHECK_FALSE(fs::exists(secret / "new"));
}

TEST_CASE_METHOD(Roots, "a folder that is exchanged for a link at the same time is no way out") {
    fs::create_directories(media / "swap");
    std::ofstream(media / "swap/key") << "mine";
    fs::create_directory_symlink(secret, media / "evil");
    std::atomic<bool> done = false;
    std::jthread swapper([&] {
        while (!done) {
            static_cast<void>(::rename((media / "swap").c_str(), (media / "aside").c_str()));
            static_cast<void>(::rename((media / "evil").c_str(), (media / "swap").c_str()));
            static_cast<void>(::rename((media / "swap").c_str(), (media / "evil").c_str()));
            static_cast<void>(::rename((media / "aside").c_str(), (media / "swap").c_str()));
        }
    });
    int opened = 0;
    const auto until = std::chrono::steady_clock::now() + std::chrono::seconds(60);
    const auto more = [&] { return opened == 0 && std::chrono::steady_clock::now() < until; };
    for (int i = 0; i < 2000 || more(); ++i) {
        const auto fd = roots.open_input(media / "swap/key");
        if (!fd) {
            // The other thread may have been put aside in the middle of an exchange.
            std::this_thread::yield();
            continue;
        }
        ++opened;
        char text[8] = {};
        REQUIRE(::pread(fd->get(), text, sizeof text, 0) == 4);
        REQUIRE(std::string(text) == "mine");
    }
    done = true;
    CHECK(opened > 0);
}
