#include "input_list.hpp"

#include <fstream>
#include <string>

#include <support/catch.hpp>
#include <support/temp_folder.hpp>

using namespace sg;
using namespace sg::apps;

namespace {

std::string csv_error(const std::string& text) {
    const auto result = parse_csv_list(text, "films.csv");
    REQUIRE_FALSE(result);
    return result.error().message;
}

std::string ndjson_error(const std::string& text) {
    const auto result = parse_ndjson_list(text, "films.ndjson");
    REQUIRE_FALSE(result);
    return result.error().message;
}

void touch(const std::filesystem::path& path) {
    std::ofstream(path) << "x";
}

}  // namespace

TEST_CASE("a CSV list gives inputs with names and presets in any column order") {
    const auto inputs = parse_csv_list(
        "\xEF\xBB\xBFpreset,input,name\r\nmobile,a.mov,one\r\n,\"b, \"\"c\"\".mov\",\r\n\r\n", "l");
    REQUIRE(inputs);
    REQUIRE(inputs->size() == 2);
    CHECK(inputs->at(0).uri == "a.mov");
    CHECK(inputs->at(0).name == "one");
    CHECK(inputs->at(0).preset == "mobile");
    CHECK(inputs->at(1).uri == "b, \"c\".mov");
    CHECK_FALSE(inputs->at(1).preset);
}

TEST_CASE("the last line of a CSV list needs no line feed") {
    const auto inputs = parse_csv_list("input\na.mov\nb.mov", "l");
    REQUIRE(inputs);
    CHECK(inputs->size() == 2);
}

TEST_CASE("a fault in a CSV list names file, line and what is accepted") {
    CHECK(csv_error("") ==
          "films.csv:1: the first line must name the columns: input[,name][,preset]");
    CHECK(csv_error("a.mov\n").find("films.csv:1: the first line") == 0);
    CHECK(csv_error("input,size\n").find("films.csv:1: column 'size' is not accepted here") == 0);
    CHECK(csv_error("input,input\n").find("accepted once each") != std::string::npos);
    CHECK(csv_error("input,name\na.mov\n") == "films.csv:2: 1 fields, the header names 2");
    CHECK(csv_error("input\n\"a\nb").find("films.csv:2: a quoted field is not closed") == 0);
    CHECK(csv_error("input\n\"a\"b\n").find("films.csv:2: text follows") == 0);
    CHECK(csv_error("input\n\"a\nb\"\na,b\n").find("films.csv:4:") == 0);
    CHECK(csv_error("input,name\n,x\n") == "films.csv:2: 'input' is empty");
}

TEST_CASE("an NDJSON list gives inputs with overrides") {
    const auto inputs = parse_ndjson_list(
        "{\"input\":\"a.mov\",\"set\":{\"video.crf\":21,\"x\":\"y\"}}\n\n{\"input\":\"b\",\"name\":"
        "\"n\"}",
        "l");
    REQUIRE(inputs);
    REQUIRE(inputs->size() == 2);
    CHECK(inputs->at(0).overrides.at("video.crf") == "21");
    CHECK(inputs->at(0).overrides.at("x") == "y");
    CHECK(inputs->at(1).name == "n");
}

TEST_CASE("a fault in an NDJSON list names its line") {
    CHECK(ndjson_error("{\"input\":\"a\"}\nnot json\n").find("films.ndjson:2: not a JSON object") ==
          0);
    CHECK(ndjson_error("{\"name\":\"a\"}") == "films.ndjson:1: 'input' is missing");
    CHECK(ndjson_error("{\"input\":\"a\",\"rate\":\"1\"}").find("'rate' is not accepted") !=
          std::string::npos);
    CHECK(ndjson_error("{\"input\":5}").find("films.ndjson:1:") == 0);
}

TEST_CASE("a list is read by its ending, and an empty one is refused") {
    const test::TempFolder folder;
    std::ofstream(folder / "a.csv") << "input\nx.mov\n";
    std::ofstream(folder / "empty.csv") << "input\n";
    std::ofstream(folder / "a.txt") << "x.mov\n";
    CHECK(load_input_list(folder / "a.csv"));
    CHECK_FALSE(load_input_list(folder / "empty.csv"));
    CHECK_FALSE(load_input_list(folder / "a.txt"));
    CHECK_FALSE(load_input_list(folder / "missing.csv"));
}

TEST_CASE("quoted globs are expanded, in order") {
    const test::TempFolder folder;
    touch(folder / "b.mov");
    touch(folder / "a.mov");
    touch(folder / "c[1].mov");
    const auto base = folder.path().string();
    CHECK(expand_globs({base + "/*.mov"}) ==
          std::vector<std::string>{base + "/a.mov", base + "/b.mov", base + "/c[1].mov"});
    CHECK(expand_globs({base + "/c[1].mov"}) == std::vector<std::string>{base + "/c[1].mov"});
    CHECK(expand_globs({base + "/*.mkv", "-"}) == std::vector<std::string>{base + "/*.mkv", "-"});
    CHECK(expand_globs({"shots/*.png", "f/%04d.png"}) ==
          std::vector<std::string>{"shots/*.png", "f/%04d.png"});
}
