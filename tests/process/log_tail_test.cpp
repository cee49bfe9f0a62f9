#include <string>
#include <vector>

#include <process/log_tail.hpp>
#include <support/catch.hpp>

using sg::process::LogTail;

TEST_CASE("a log tail passes whole lines on, whatever the reads were") {
    std::vector<std::string> lines;
    LogTail tail;
    tail.set_line_sink([&](std::string_view line) { lines.emplace_back(line); });
    tail.add("one\ntw");
    tail.add("o\n\nthr");
    CHECK(lines == std::vector<std::string>{"one", "two"});
    tail.add("ee");
    tail.finish();
    CHECK(lines == std::vector<std::string>{"one", "two", "three"});
    CHECK(tail.last_words(2) == "two | three");
}

TEST_CASE("a log tail stays bounded under a flood, with and without line feeds") {
    std::size_t longest = 0;
    LogTail tail(100);
    tail.set_line_sink([&](std::string_view line) { longest = std::max(longest, line.size()); });
    for (int i = 0; i < 10000; ++i) tail.add("0123456789abcdef");
    CHECK(tail.text().size() == 100);
    tail.add("\nend\n");
    CHECK(tail.text().ends_with("end\n"));
    CHECK(tail.last_words(1) == "end");
    CHECK(longest <= 2048);
}
