"""The child process that holds one model, and the messages it speaks. Only here is llama_cpp imported."""
