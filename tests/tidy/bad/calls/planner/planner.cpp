// std::chrono::steady_clock::now() in a comment is fine.
const char* kText = "std::rand() in a string is fine";
auto a = std::chrono::steady_clock::now();
std::random_device b;
int c = rand();
void d() { std::this_thread::sleep_for(x); }
const char* e = std::getenv("HOME");
void f() { std::cout << 1; }
void g() { printf("%d", 1); }
void h() { system("ls"); }
void i() { thread.detach(); }
void j() { assert(a); }
void k() { static_assert(true); catalogue.system(1); operand(2); }
std::mt19937 l;
