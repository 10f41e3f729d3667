// SPDX-License-Identifier: MIT
//
// Stands in for the headers of Catch2 v3, which Debian 12 has not: what the adapter uses of it, as declared
// there (3.1 to 3.8; sectionInfo.name and lineInfo, AssertionHandler, EventListenerBase), to be compiled and
// not run.
#ifndef CATCH_ALL_HPP
#define CATCH_ALL_HPP

#include <cstddef>
#include <string>

#define CATCH_VERSION_MAJOR 3
#define CATCH_TRY try
#define CATCH_CATCH_ALL catch (...)

namespace Catch
{
class StringRef
{
  public:
    constexpr StringRef() noexcept = default;
    StringRef(const char *text) noexcept;
    StringRef(const std::string &text) noexcept;
    explicit operator std::string() const;
};
struct SourceLineInfo {
    const char *file;
    std::size_t line;
};
struct ResultWas {
    enum OfType { ExplicitFailure = 0x10 | 1 };
};
struct ResultDisposition {
    enum Flags { ContinueOnFailure = 0x02 };
};
class AssertionHandler
{
  public:
    AssertionHandler(StringRef macro, const SourceLineInfo &line, StringRef expression,
                     ResultDisposition::Flags flags);
    ~AssertionHandler();
    void handleMessage(ResultWas::OfType type, std::string &&message);
    void complete();
};
struct TestCaseInfo;
struct SectionInfo {
    std::string name;
    SourceLineInfo lineInfo;
};
struct SectionStats {
    SectionInfo sectionInfo;
};
class IConfig;
class EventListenerBase
{
  public:
    explicit EventListenerBase(const IConfig *config);
    virtual ~EventListenerBase();
    virtual void fatalErrorEncountered(StringRef error);
    virtual void testCaseStarting(const TestCaseInfo &info);
    virtual void sectionStarting(const SectionInfo &info);
    virtual void sectionEnded(const SectionStats &stats);
};
template <typename T> class ListenerRegistrar
{
  public:
    explicit ListenerRegistrar(StringRef name);
    T *create(const IConfig *config)
    {
        return new T(config);
    }
};
} // namespace Catch

#define CATCH_REGISTER_LISTENER(listenerType)                                                                \
    namespace                                                                                                \
    {                                                                                                        \
    Catch::ListenerRegistrar<listenerType> catch_internal_RegistrarFor1(#listenerType);                      \
    }

#endif
